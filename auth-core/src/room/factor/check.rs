//! What a look at second factors finds.

use super::{passkey::count_by_site, store::count_enrolled};
use crate::{Error, Finding, SecondFactor, kernel::Kernel};

pub(super) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    let enrolled = count_enrolled(kernel.store.db()).await?;
    let mails = kernel.post.as_ref().is_some_and(|post| post.mailer.reaches_its_recipients());
    let policy = &kernel.config.factors.policy;
    let is_required = matches!(policy, SecondFactor::Required | SecondFactor::RequiredFor(_));
    let mut found = Vec::new();
    if *policy == SecondFactor::Off && enrolled > 0 {
        found.push(Finding::warning(
            "second_factor_not_asked",
            format!("second factors are off, and {enrolled} accounts have one: it is not asked for"),
            "set `factors.policy` (SECOND_FACTOR) to optional",
        ));
    }
    let (ours, _) = count_by_site(kernel.store.db(), kernel.config.passkeys.site()).await?;
    if is_required && enrolled + ours == 0 {
        found.push(Finding::note(
            "second_factor_nobody",
            "a second factor is required, and nobody has one yet",
            "set one up at the next sign-in; sessions from before give no tokens any more",
        ));
    }
    if is_required && !mails {
        found.push(Finding::warning(
            "second_factor_without_mail",
            "a second factor is required, and no mail is sent: owners are not told when somebody guesses at theirs, or changes it",
            "set a mailer (SMTP_URL)",
        ));
    }
    Ok(found)
}
