//! A client that stole nothing: a cookie jar with several tabs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use super::{
    pair::{Cookie, Pair, clears},
    plan::{Action, Fate, Honest, Tab},
};

/// How a request ended, as far as its client knows.
enum Reply {
    /// A cookie for the jar; of a refresh with the moment at which it was sent.
    Cookie(Cookie, Option<Instant>),
    /// 401 that leaves the jar alone.
    Refused,
    /// Answered with this status, and not read any further.
    Unread(u16),
    /// Handled or not.
    Unknown,
}

#[derive(Clone, Copy)]
enum Ask {
    Refresh,
    SignIn,
}

/// How often things happened, to show that they do.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) rotated: usize,
    pub(super) repeated: usize,
    pub(super) refused: usize,
    pub(super) lost: usize,
    /// The session was there in the end.
    pub(super) kept: usize,
}

pub(super) struct Client {
    pair: Arc<Pair>,
    number: usize,
    plan: Honest,
    /// An answer that arrives later may overwrite a cookie that has moved on twice.
    latest_answer: Duration,
    jar: Cookie,
    /// Answers to the action before that are still on their way.
    late: Vec<Reply>,
    had: Vec<Cookie>,
    /// Sessions whose place a sign-in has taken, and whether that is certain.
    left: HashMap<String, bool>,
    tally: Tally,
}

impl Client {
    pub(super) async fn start(pair: Arc<Pair>, number: usize, plan: Honest, grace: Duration) -> Self {
        let jar = Cookie::of(&pair.sign_in(number, number % 2, None).await);
        Self {
            pair,
            number,
            plan,
            latest_answer: grace / 2,
            had: vec![jar.clone()],
            jar,
            late: Vec::new(),
            left: HashMap::new(),
            tally: Tally::default(),
        }
    }

    pub(super) async fn play(mut self, round: usize) -> Self {
        for action in self.plan.rounds[round].clone() {
            let before = std::mem::take(&mut self.late);
            let (sign_in, first, tabs) = match action {
                Action::Refresh(tabs) => (None, false, tabs),
                Action::SignIn { tab, first, beside } => (Some(tab), first, beside),
            };
            self.act(sign_in, first, &tabs).await;
            for reply in before {
                self.arrive(reply);
            }
        }
        self
    }

    /// All at once, with the one cookie.
    async fn act(&mut self, sign_in: Option<Tab>, first: bool, tabs: &[Tab]) {
        let session = self.jar.session.clone();
        let certain_before = self.left.get(&session).copied();
        let mut asked = JoinSet::new();
        let all = sign_in.iter().map(|tab| (Ask::SignIn, *tab));
        for (place, (ask, tab)) in all.chain(tabs.iter().map(|tab| (Ask::Refresh, *tab))).enumerate() {
            let (pair, number, cookie) = (Arc::clone(&self.pair), self.number, self.jar.text.clone());
            asked.spawn(async move { (place, tab.fate, ask.send(&pair, number, tab, &cookie).await) });
        }
        let mut replies = asked.join_all().await;
        replies.sort_by_key(|(place, ..)| *place);
        let mut replies: Vec<_> = replies.into_iter().map(|(_, fate, reply)| (fate, reply)).collect();

        let of_sign_in = sign_in.map(|_| replies.remove(0));
        if let Some((_, reply)) = &of_sign_in {
            let certain = matches!(reply, Reply::Cookie(..) | Reply::Unread(200));
            assert!(certain || matches!(reply, Reply::Unknown), "a sign-in was refused");
            *self.left.entry(session.clone()).or_default() |= certain;
        }
        let may_be_refused = self.left.contains_key(&session);
        for (_, reply) in &replies {
            match reply {
                Reply::Cookie(..) | Reply::Unread(200) if certain_before != Some(true) => {}
                Reply::Refused | Reply::Unread(401) if may_be_refused => self.tally.refused += 1,
                Reply::Unknown => {}
                Reply::Refused => self.fail("signed out"),
                Reply::Cookie(..) => self.fail("a session that was left goes on"),
                Reply::Unread(status) => self.fail(&format!("answered with {status}")),
            }
        }
        replies.splice(if first { 0..0 } else { replies.len()..replies.len() }, of_sign_in);
        for (fate, reply) in replies {
            match fate {
                Fate::Late => self.late.push(reply),
                _ => self.arrive(reply),
            }
        }
    }

    fn arrive(&mut self, reply: Reply) {
        let Reply::Cookie(cookie, sent) = reply else { return };
        let is_new = !self.had.iter().any(|had| had.text == cookie.text);
        self.tally.rotated += usize::from(is_new);
        self.tally.repeated += usize::from(!is_new);
        self.had.extend(is_new.then(|| cookie.clone()));
        // Counted from when the request was sent, which was before it was handled: on a machine that is too slow for
        // what was planned, an answer that should only be late is lost.
        if sent.is_none_or(|sent| sent.elapsed() < self.latest_answer) {
            self.jar = cookie;
        } else {
            self.tally.lost += 1;
        }
    }

    /// The session is there; then it is signed out with one of its cookies, and nothing of what was left is accepted.
    pub(super) async fn finish(mut self) -> Tally {
        for reply in std::mem::take(&mut self.late) {
            self.arrive(reply);
        }
        let session = self.jar.session.clone();
        if !self.left.contains_key(&session) {
            let (answer, _) = self.pair.refresh(self.number % 2, &self.jar.text).await;
            if answer.status != 200 {
                self.fail("signed out in the end");
            }
            self.had.push(Cookie::of(&answer));
            self.tally.kept += 1;
            let own: Vec<_> = self.had.iter().filter(|cookie| cookie.session == session).collect();
            let older = &own[self.plan.signs_out_with % own.len()].text;
            let answer = self.pair.log_out(self.plan.signs_out_with % 2, older).await;
            assert!(answer.status == 204 && clears(&answer), "{answer:?}");
            self.left.insert(session, true);
        }
        for (number, cookie) in self.had.iter().enumerate() {
            if self.left.get(&cookie.session) == Some(&true) {
                self.pair.expect_over(number % 2, cookie, false).await;
            }
        }
        self.tally
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{what}; {:?} of {:?} had {:?} in {:#?}", self.jar, self.left, self.had, self.plan)
    }
}

impl Ask {
    async fn send(self, pair: &Pair, number: usize, Tab { server, fate }: Tab, cookie: &str) -> Reply {
        match (fate, self) {
            (Fate::Unread | Fate::Dropped, _) => {
                let sign_in_of = matches!(self, Self::SignIn).then_some(number);
                let at_once = fate == Fate::Dropped;
                let status = pair.send_and_drop(server, sign_in_of, cookie, at_once).await;
                status.map_or(Reply::Unknown, Reply::Unread)
            }
            (_, Self::SignIn) => {
                Reply::Cookie(Cookie::of(&pair.sign_in(number, server, Some(cookie)).await), None)
            }
            (_, Self::Refresh) => {
                let (answer, sent) = pair.refresh(server, cookie).await;
                if answer.status == 200 {
                    return Reply::Cookie(Cookie::of(&answer), Some(sent));
                }
                assert_eq!((answer.status.as_u16(), clears(&answer)), (401, false), "{answer:?}");
                Reply::Refused
            }
        }
    }
}
