use crate::{EmailSignIn, Finding, kernel::Kernel};

pub(super) fn check(kernel: &Kernel) -> Vec<Finding> {
    let reaches = kernel.post.as_ref().is_some_and(|post| post.mailer.reaches_its_recipients());
    if kernel.config.email_codes.sign_in == EmailSignIn::Off || reaches {
        return Vec::new();
    }
    vec![Finding::warning(
        "email_sign_in_without_mail",
        "people can sign in by a code that is sent by mail, and mails reach nobody: whoever reads the log can sign in as anybody",
        "set a mailer (SMTP_URL), or switch it off (EMAIL_SIGN_IN)",
    )]
}
