//! An error of the rules as a problem.

use std::time::Duration;

use auth_core::{Class, DbErr, Error};
use http::{HeaderValue, StatusCode};

use super::Problem;

/// When the database is away: long enough not to add to its trouble, short enough for a person who waits.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);

impl Problem {
    /// The problem of an error of the rules. What an operator must see is logged: the texts of these errors carry
    /// kinds and codes, never data; what clients did wrong is told by the security events of the rules.
    pub(crate) fn of_rule(error: Error, request_id: Option<&HeaderValue>) -> Self {
        log_rule(&error, request_id.and_then(|id| id.to_str().ok()));
        Self::of_error(error)
    }

    /// The one place where an error of the rules gets a status: by its class, of which there are no others.
    fn of_error(error: Error) -> Self {
        match error {
            Error::StepUpRequired { level, max_age } => {
                return Self::insufficient_authentication(Some(level), Some(max_age));
            }
            Error::SessionRequired => return Self::session_required(),
            Error::Denied(denial) => return Self::denied(*denial),
            // By whose clock the challenge goes is not known here.
            Error::SecondFactorRequired(challenge) => return Self::second_factor(&challenge, None),
            _ => {}
        }
        let (status, detail) = match error.class() {
            Class::Validation => {
                return Self::validation(match error {
                    Error::Validation(errors) => errors,
                    _ => Vec::new(),
                });
            }
            Class::Token => return Self::invalid_token(),
            Class::StepUp => return Self::insufficient_authentication(None, None),
            Class::Internal => return Self::internal(),
            Class::Credentials => (StatusCode::UNAUTHORIZED, "The e-mail address or the password is wrong."),
            Class::Throttled => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts; try again later, or on a device where you signed in before.",
            ),
            Class::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "Too many sign-ins at this moment; try again soon.")
            }
            Class::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The service is not available at this moment; try again soon.",
            ),
            Class::NotFound => (StatusCode::NOT_FOUND, "There is no such thing."),
            Class::Conflict => (StatusCode::CONFLICT, "Something stands against it."),
            Class::Gone => (StatusCode::GONE, "What was asked for is there no more."),
            Class::Forbidden => (StatusCode::FORBIDDEN, "This is not allowed."),
            Class::BadGateway => (StatusCode::BAD_GATEWAY, "Another server answers what it should not."),
        };
        let retry_after = match error {
            Error::Throttled { retry_after } | Error::Overloaded { retry_after } => Some(retry_after),
            _ => (error.class() == Class::Unavailable).then_some(UNAVAILABLE_RETRY),
        };
        let detail = if let Error::Refused(refusal) = error { refusal.text } else { detail };
        let problem = Self::new(status, error.code(), detail);
        Self { retry_after, ..problem }
    }
}

/// For handlers of a host: what an operator must see is logged.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::of_rule(error, None)
    }
}

/// For handlers of a host that ask the database themselves: 503 `unavailable` when it cannot be reached, else 500 `internal`. The
/// kind and the database's code are logged; the error itself may quote data.
impl From<DbErr> for Problem {
    fn from(error: DbErr) -> Self {
        Error::from(error).into()
    }
}

/// Tells an operator of an error of the rules that is nobody's fault but ours.
pub(crate) fn log_rule(error: &Error, request_id: Option<&str>) {
    let code = error.code();
    match error {
        Error::Internal(source) => tracing::error!(request_id, code, error = %source, "request failed"),
        Error::Unavailable(source) => tracing::warn!(request_id, code, error = %source, "request failed"),
        Error::NoSigningKey => tracing::warn!(request_id, code, error = %error, "request failed"),
        // Said by the hash pool from time to time; for each it would be the better part of what a refusal costs.
        Error::Overloaded { .. } => tracing::debug!(request_id, code, "request refused"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_rule_and_the_code_of_its_document_are_one() {
        use auth_core::refusal;
        for error in [
            Error::Validation(Vec::new()),
            Error::InvalidCredentials,
            Error::InvalidToken,
            Error::SessionOver,
            Error::SessionLeft,
            Error::SessionRequired,
            Error::StepUpRequired { level: auth_core::Assurance::Aal2, max_age: Duration::from_secs(1) },
            Error::Refused(auth_core::factor::INVALID_CODE),
            Error::Refused(auth_core::factor::FACTOR_LOCKED),
            Error::Refused(refusal::EMAIL_TAKEN),
            Error::Refused(refusal::REGISTRATION_CLOSED),
            Error::Refused(refusal::USER_NOT_FOUND),
            Error::Refused(refusal::LAST_WAY_IN),
            Error::Refused(refusal::CURSOR_TOO_OLD),
            Error::NoSigningKey,
            Error::RevocationsStale,
            Error::Throttled { retry_after: Duration::from_secs(1) },
            Error::Overloaded { retry_after: Duration::from_secs(1) },
            Error::Internal("a bug".into()),
        ] {
            let code = error.code();
            assert_eq!(Problem::from(error).code(), code);
        }
    }

    #[test]
    fn an_internal_error_shows_nothing_of_its_cause() {
        let problem = Problem::from(Error::Internal("canary".into()));
        assert!(!format!("{problem:?}").contains("canary"));
    }
}
