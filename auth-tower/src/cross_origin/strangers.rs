use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use tokio::time::Instant;

/// For so long no more is said of an origin.
const REST: Duration = Duration::from_mins(1);

/// As many are told of in that time: whoever makes origins up does not fill the log, nor the memory.
const MOST: usize = 32;

/// Origins are told up to this length (a scheme, the longest host name, a port): longer ones are no browser's.
const LONGEST: usize = 280;

/// Which origins were refused lately: whoever sets a page up learns from the log what is missing, as the browser shows the page
/// nothing.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// The oldest first.
    told: Mutex<VecDeque<(Instant, HeaderValue)>>,
}

impl Strangers {
    /// Says it in the log, if it is new.
    pub(super) fn tell(&self, origin: Option<&HeaderValue>) {
        let Some(origin) = origin.filter(|origin| origin.len() <= LONGEST) else { return };
        let Ok(text) = origin.to_str() else { return };
        if self.is_new(origin) {
            tracing::info!(
                origin = text,
                "a request was refused as one of another origin; if this is a page of yours, name it as a trusted origin \
                 (TRUSTED_ORIGINS), or serve it at the origin of the public URL (PUBLIC_URL)"
            );
        }
    }

    fn is_new(&self, origin: &HeaderValue) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        while told.front().is_some_and(|(when, _)| when.elapsed() >= REST) {
            told.pop_front();
        }
        let is_new = told.len() < MOST && !told.iter().any(|(_, other)| other == origin);
        if is_new {
            told.push_back((Instant::now(), origin.clone()));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: usize) -> HeaderValue {
        format!("https://{number}.example").parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn each_origin_is_told_of_once_a_minute_and_not_more_than_a_few() {
        let strangers = Strangers::default();
        assert!(strangers.is_new(&origin(0)) && !strangers.is_new(&origin(0)));
        tokio::time::advance(REST / 2).await;
        let told = (0..1000).filter(|number| strangers.is_new(&origin(*number))).count();
        assert_eq!(told, MOST - 1);
        tokio::time::advance(REST / 2).await;
        assert!(strangers.is_new(&origin(0)), "its minute is over");
        assert!(!strangers.is_new(&origin(999)), "there is no room for another yet");
        tokio::time::advance(REST / 2).await;
        assert!(strangers.is_new(&origin(999)));
        assert!(strangers.told.lock().unwrap().len() <= MOST);
    }
}
