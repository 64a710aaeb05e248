//! An owner, and a thief who has copied the cookie.

use std::{collections::HashSet, sync::Arc};

use super::{
    pair::{Cookie, Pair, clears},
    plan::Theft,
};

pub(super) struct Victim {
    pair: Arc<Pair>,
    plan: Theft,
    /// The owner's and the thief's.
    held: [Cookie; 2],
    had: Vec<Cookie>,
    /// Rotations by each since one of them last acted within the grace of the other.
    apart: [usize; 2],
    rotated_by: Option<usize>,
    over: bool,
}

impl Victim {
    pub(super) async fn start(pair: Arc<Pair>, number: usize, plan: Theft) -> Self {
        let cookie = Cookie::of(&pair.sign_in(number, number % 2, None).await);
        let held = [cookie.clone(), cookie.clone()];
        Self { pair, plan, held, had: vec![cookie], apart: [0, 0], rotated_by: None, over: false }
    }

    pub(super) async fn play(mut self, round: usize) -> Self {
        if round == self.plan.round {
            self.held[1] = self.held[0].clone();
            self.apart = [0, 0];
        }
        for step in self.plan.rounds[round].clone() {
            if !self.over {
                let who = usize::from(step.thief && round >= self.plan.round);
                self.refresh(who, step.server).await;
            }
        }
        self
    }

    async fn refresh(&mut self, who: usize, server: usize) {
        let (answer, _) = self.pair.refresh(server, &self.held[who].text).await;
        if answer.status == 401 {
            assert!(clears(&answer), "{answer:?}");
            self.over = true;
            return;
        }
        let cookie = Cookie::of(&answer);
        if !self.had.iter().any(|had| had.text == cookie.text) {
            self.had.push(cookie.clone());
            self.rotated_by = Some(who);
            self.apart[who] += 1;
        } else if self.rotated_by != Some(who) {
            self.apart = [0, 0];
        }
        self.held[who] = cookie;
        assert!(self.apart[0] < 2 || self.apart[1] < 2, "both go on: {:?} in {:#?}", self.had, self.plan);
    }

    /// It is over for both, and the alarm was raised for this session.
    pub(super) async fn finish(self) -> String {
        assert!(self.over, "both go on: {:?} in {:#?}", self.had, self.plan);
        for (number, cookie) in self.had.iter().enumerate() {
            self.pair.expect_over(number % 2, cookie, true).await;
        }
        let sessions: HashSet<_> = self.had.into_iter().map(|cookie| cookie.session).collect();
        assert_eq!(sessions.len(), 1);
        sessions.into_iter().next().unwrap()
    }
}
