//! What a look at passkeys finds.

use super::store::count_by_site;
use crate::{Error, Finding, config::Unfit, kernel::Kernel};

pub(crate) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    let config = &kernel.config.passkeys;
    let mut found = Vec::new();
    if let Some(unfit) = config.unfit() {
        let why = match unfit {
            Unfit::IpAddress => "an IP address",
            Unfit::PublicSuffix => "a public suffix, below which others have sites",
        };
        found.push(Finding::note(
            "passkeys_off",
            format!("there are no passkeys: `{}` is {why}", config.rp_id.as_deref().unwrap_or_default()),
            "give the service a name of its own (PUBLIC_URL), and name the site in `passkeys.rp_id` (PASSKEY_RP_ID)",
        ));
    }
    let (_, stranded) = count_by_site(kernel.store.db(), config.site()).await?;
    if stranded > 0 {
        found.push(Finding::warning(
            "passkeys_stranded",
            format!("{stranded} passkeys are for another site than this: nobody can use them here, and they are no factor"),
            "set `passkeys.rp_id` (PASSKEY_RP_ID) to what it was, or ask their owners for new ones",
        ));
    }
    Ok(found)
}
