//! The ids of users and sessions: UUIDs that cannot be mistaken for each other.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id as a plain UUID, for a column of the host's own tables.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// A user (UUID version 7: sorts by the time of registration, and tells that time to whoever sees it).
    UserId
}
id! {
    /// An API key (UUID version 7). Knowing it opens nothing: it is not the key.
    ApiKeyId
}
id! {
    /// A session (random UUID version 4). Knowing it opens nothing.
    SessionId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_uuid_in_a_document_and_in_a_column() {
        let id = Uuid::from_u128(7);
        let user: UserId = serde_json::from_str("\"00000000-0000-0000-0000-000000000007\"").unwrap();
        assert_eq!((user, Uuid::from(user)), (id.into(), id));
        assert_eq!(serde_json::to_string(&SessionId::from(id)).unwrap(), format!("\"{id}\""));
    }
}
