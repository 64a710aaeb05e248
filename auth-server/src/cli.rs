//! The command line.

use std::{ffi::OsString, io, mem, path::PathBuf};

use clap::{
    Arg, ArgMatches, Args, Command as ClapCommand, CommandFactory as _, FromArgMatches, Parser, Subcommand,
    ValueEnum, builder::ValueParser, error::ErrorKind, parser::ValueSource,
};
use clap_complete::Shell;

use crate::config::{Given, Origin, PROVIDER_PREFIX, SETTINGS, Setting};

const NAME: &str = "auth-server";

/// Accounts and sign-in as a service of its own
///
/// Every setting can be a flag, an environment variable, or a line of .env in the working directory, in this order: `--help` lists
/// them, `auth-server config` shows those in force. Without any the server starts with a SQLite file in the working directory.
#[derive(Parser)]
#[command(name = NAME, version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: GivenSettings,
}

/// What to do; `serve` when nothing is said.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the schema up to date and answer requests (the default)
    Serve,
    /// Look after the schema of the database
    ///
    /// Without more words: up.
    Migrate {
        #[command(subcommand)]
        action: Option<Migrate>,
    },
    /// Look after the keys
    Keys {
        #[command(subcommand)]
        action: Keys,
    },
    /// Look after accounts, and make the first administrator
    ///
    /// What an administrator may do over HTTP, on the database of the settings. Accounts are named by id or e-mail address.
    Users {
        /// Print JSON, one object a line
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        action: Users,
    },
    /// Look after service accounts: the accounts of programs
    Services {
        /// Print JSON, one object a line
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        action: Services,
    },
    /// Look after API keys, of people and of service accounts
    ApiKeys {
        /// Print JSON, one object a line
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        action: ApiKeys,
    },
    /// Show the settings in force and where each came from
    ///
    /// Secrets are left out.
    Config,
    /// Examine settings, keys, database, mail and limits, and change nothing
    ///
    /// Exit status: 0 if nothing was found but notes, 1 for warnings, 2 for errors.
    Check {
        /// Print a JSON array of what was found
        #[arg(long)]
        json: bool,
    },
    /// Ask the server of these settings whether it is ready: for the health check of a container
    ///
    /// It asks /health/ready at the address of the settings below. Exit status: 0 if it is ready, else 1.
    Health,
    /// Print what a shell needs to complete flags and commands
    ///
    /// For bash: auth-server completions bash > /etc/bash_completion.d/auth-server
    Completions { shell: Shell },
    /// Print the page for man
    ///
    /// To read it: auth-server man | man -l -
    Man,
}

/// What to do with the schema.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Migrate {
    /// Apply what is missing
    Up,
    /// Take back the latest migrations WITH ALL DATA in their tables
    Down {
        /// How many
        #[arg(default_value_t = 1)]
        steps: u32,
    },
    /// Show each migration and whether the database has it
    Status,
    /// Print the SQL that up would run
    Plan,
}

/// What to do with keys.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Keys {
    /// Make a private key, and print it in PEM
    ///
    /// For --algorithm RS256, ES256 or EdDSA, which is the default here.
    Generate {
        /// Write it to this new file, readable for its owner only, instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show the keys of the key ring in the database
    List,
    /// Add a key to the key ring
    ///
    /// For --algorithm. It relieves the active one when every cache knows it.
    Rotate,
    /// Take keys that leaked out of the key ring, at once
    Revoke {
        /// Their ids, as list shows them; after `--` if one begins with a hyphen
        #[arg(required = true, value_name = "KID")]
        ids: Vec<String>,
    },
}

/// What to do with service accounts.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Services {
    /// Make one, and print it: id, since when, enabled or disabled, roles, name
    Create {
        name: String,
        /// Grant a role; may be given again
        #[arg(long)]
        role: Vec<String>,
    },
    /// Show all
    List,
    /// Keep one out, and end its tokens
    Disable { id: String },
    /// Let one in again
    Enable { id: String },
    /// Delete one with its keys
    Delete { id: String },
}

/// What to do with API keys.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ApiKeys {
    /// Make one, and print it, once, alone on its line
    Create {
        /// Of this person, by id or e-mail address
        #[arg(long, required_unless_present = "service", conflicts_with = "service")]
        user: Option<String>,
        /// Of this service account, by id
        #[arg(long)]
        service: Option<String>,
        /// For people to know it by
        #[arg(long)]
        name: String,
        /// What it is for; may be given again
        #[arg(long)]
        scope: Vec<String>,
        /// How many days it is good for [default: 90]
        #[arg(long)]
        days: Option<u32>,
    },
    /// Show all: id, since when, until when, last used, how it begins, whose, scopes, name
    List,
    /// End one
    Revoke { id: String },
}

/// What to do with accounts.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Users {
    /// Show all accounts
    ///
    /// Of each: id, since when, address verified or not, enabled or disabled, roles, address.
    List {
        /// Only the one with this address
        #[arg(long)]
        email: Option<String>,
        /// Only those whose address, name or user name begins so
        #[arg(long, conflicts_with = "email")]
        begins: Option<String>,
    },
    /// Show one, by id, address or user name
    Show { user: String },
    /// Make an account
    ///
    /// Its owner chooses the password, by a link in a mail.
    Create {
        email: String,
        /// Grant a role, admin or another; may be given again
        #[arg(long)]
        role: Vec<String>,
        /// Take the address for proved
        #[arg(long)]
        verified: bool,
        #[command(flatten)]
        profile: ProfileOptions,
        /// Read the password from the first line of standard input: for an account of your own
        #[arg(long)]
        password_stdin: bool,
        /// Print the link instead of mailing it. Whoever has it can take the account over
        #[arg(long, conflicts_with = "password_stdin")]
        print_link: bool,
    },
    /// Change the name, the user name, the language or the data of somebody
    ///
    /// What is not given stays; an empty text takes away.
    SetProfile {
        user: String,
        #[command(flatten)]
        profile: ProfileOptions,
        /// A JSON merge patch of what the person keeps here; `null` empties it
        #[arg(long, value_name = "JSON", value_parser = json)]
        data: Option<serde_json::Value>,
        /// The same of what administrators and services keep here
        #[arg(long, value_name = "JSON", value_parser = json)]
        app_data: Option<serde_json::Value>,
    },
    /// Give exactly these roles
    ///
    /// `user`, which everybody has, takes all others away.
    SetRole {
        user: String,
        #[arg(required = true)]
        roles: Vec<String>,
    },
    /// Keep somebody out, and end all sessions
    Disable { user: String },
    /// Let somebody in again
    Enable { user: String },
    /// Delete an account with all that hangs on it
    Delete {
        user: String,
        /// Really: it cannot be taken back
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Let somebody choose a new password, by a link in a mail
    ResetPassword {
        user: String,
        /// Print the link instead of mailing it. Whoever has it can take the account over
        #[arg(long)]
        print_link: bool,
    },
    /// End all sessions of somebody
    RevokeSessions { user: String },
    /// Take the second factors of somebody away who has lost them
    ///
    /// All sessions end.
    ResetFactors { user: String },
    /// Forget wrong passwords and codes, so that an account need not wait
    Unlock { user: String },
    /// Take accounts over from another system
    ///
    /// Repeat it to go on where it was cut off.
    Import(ImportOptions),
    /// Print all accounts as import reads them
    Export(ExportOptions),
}

/// Without it any text would be taken, as a text of JSON.
fn json(text: &str) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// What an account tells beside its address.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProfileOptions {
    /// What to call the person
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A name to sign in with; needs USERNAMES=on
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// The language, as de or pt-BR
    #[arg(long)]
    pub(crate) locale: Option<String>,
}

/// Which accounts to take over.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportOptions {
    /// Has a line for each account: CSV with a header, or JSON; `-` is standard input. What there is to an account: id,
    /// email, `email_verified`, disabled, roles, `created_at`, name, username, locale, data, `app_data`, hash, `totp_secret`
    pub(crate) file: PathBuf,
    /// If the name of the file does not tell by .csv or .jsonl
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Report what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Give each account a new id, for files with ids that are no UUIDs
    #[arg(long)]
    pub(crate) ignore_ids: bool,
}

/// How to print accounts.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportOptions {
    /// One line for each account
    #[arg(long, default_value = "csv")]
    pub(crate) format: Format,
    /// Print stored passwords and secrets of authenticator apps too: whoever has them can guess as fast as his machines are, and
    /// make codes
    #[arg(long)]
    pub(crate) with_hashes: bool,
}

/// The form of a file of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// RFC 4180, with a header
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// The settings that were given as flags or in the environment. Made from the table of settings, so that a new
/// row there is all that a new setting needs.
pub(crate) struct GivenSettings(pub(crate) Vec<Given>);

/// Each name, its help, and for secrets the same with `_FILE`.
fn names() -> impl Iterator<Item = (String, String)> {
    SETTINGS.iter().flat_map(|setting| {
        let file = setting
            .secret
            .then(|| (format!("{}_FILE", setting.name), format!("A file that holds {}", setting.name)));
        std::iter::once((setting.name.to_owned(), setting.help())).chain(file)
    })
}

fn is_setting(name: &str) -> bool {
    let file_of = |setting: &Setting| setting.secret && name.strip_suffix("_FILE") == Some(setting.name);
    SETTINGS.iter().any(|setting| setting.name == name || file_of(setting))
}

/// Settings of identity providers, whose names are not known beforehand: they are no flags.
fn of_providers() -> impl Iterator<Item = Given> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        (name.starts_with(PROVIDER_PREFIX) && !is_setting(&name)).then_some(Given {
            name,
            value,
            origin: Origin::Environment,
        })
    })
}

impl Args for GivenSettings {
    fn augment_args(command: ClapCommand) -> ClapCommand {
        names().fold(command, |command, (name, help)| {
            let setting = Arg::new(name.clone())
                .long(name.to_ascii_lowercase().replace('_', "-"))
                .env(name)
                .help(help)
                .help_heading("Settings")
                .value_name("VALUE")
                // Raw text: what is wrong with a value is told in our own words, without repeating it.
                .value_parser(ValueParser::os_string())
                .hide_env_values(true)
                .hide_short_help(true)
                .global(true);
            command.arg(setting)
        })
    }

    fn augment_args_for_update(command: ClapCommand) -> ClapCommand {
        Self::augment_args(command)
    }
}

impl FromArgMatches for GivenSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = names().filter_map(|(name, _)| {
            let value = matches.get_one::<OsString>(&name)?.clone();
            let origin = match matches.value_source(&name)? {
                ValueSource::CommandLine => Origin::Flag,
                _ => Origin::Environment,
            };
            Some(Given { name, value, origin })
        });
        Ok(Self(given.chain(of_providers()).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Reads the command line.
///
/// # Errors
/// Help and version texts, which are no error, or one line that says what is wrong.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, Stop> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments);
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Show(error.render().to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Stop::Incomplete(error.render().to_string()),
        _ => Stop::Usage(one_line(&error.render().to_string())),
    })
}

/// What a shell needs to know.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    script
}

/// The page for `man`.
///
/// # Errors
/// None that is known: it is written to memory.
pub(crate) fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(page)
}

/// The command line, where the help of each command has the settings that it looks at.
fn command() -> ClapCommand {
    let mut command = Cli::command();
    // Hands the settings down to each command, as they may stand behind it too.
    command.build();
    hide_unused(&mut command, &mut Vec::new());
    command
}

fn hide_unused(command: &mut ClapCommand, path: &mut Vec<String>) {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    let hide = |argument: Arg| {
        let name = argument.get_id().as_str();
        let is_unused = is_setting(name) && !looks_at(&words, name);
        if is_unused { argument.hide(true) } else { argument }
    };
    *command = mem::take(command).mut_args(hide);
    for below in command.get_subcommands_mut() {
        path.push(below.get_name().to_owned());
        hide_unused(below, path);
        path.pop();
    }
}

/// Settings by their names, or how those begin.
const OF_DATABASE: &[&str] = &["DATABASE_", "LOG_"];
const OF_KEYS: &[&str] =
    &["SECRET_KEY", "ALGORITHM", "PRIVATE_KEY", "KEY_PUBLISH_AHEAD_SECONDS", "REVOCATION_POLL_MS"];
const OF_ACCOUNTS: &[&str] = &[
    "SECRET_KEY",
    "PUBLIC_URL",
    "PASSWORD_",
    "BREACHED_PASSWORDS",
    "SMTP_URL",
    "MAIL_FROM",
    "SERVICE_NAME",
    "VERIFY_EMAIL_URL",
    "RESET_PASSWORD_URL",
    "AUDIT_RETENTION_DAYS",
];
const OF_MACHINES: &[&str] = &["SECRET_KEY", "API_KEY_", "API_KEYS_ENABLED", "AUDIT_RETENTION_DAYS"];
const OF_PLACE: &[&str] = &["HOST", "PORT", "UNIX_SOCKET", "TLS_", "TRUSTED_PROXIES", "PROXY_PROTOCOL"];

/// Whether what a command does hangs on a setting.
pub(crate) fn looks_at(words: &[&str], setting: &str) -> bool {
    let groups: &[&[&str]] = match words {
        [] | ["serve" | "check" | "config"] => return true,
        ["migrate", ..] => &[OF_DATABASE],
        ["keys", "generate"] => return setting == "ALGORITHM",
        ["keys", ..] => &[OF_DATABASE, OF_KEYS],
        ["users", ..] => &[OF_DATABASE, OF_ACCOUNTS],
        ["services" | "api-keys", ..] => &[OF_DATABASE, OF_MACHINES],
        ["health"] => &[OF_PLACE],
        _ => &[],
    };
    let name = setting.strip_suffix("_FILE").unwrap_or(setting);
    let name = name.strip_suffix("_PREVIOUS").unwrap_or(name);
    let fits = |known: &&str| name == *known || (known.ends_with('_') && name.starts_with(*known));
    groups.iter().any(|group| group.iter().any(fits))
}

/// Why there is no command to run.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A text was asked for.
    Show(String),
    /// A command has others below it, and none was named: its help.
    Incomplete(String),
    /// The command line cannot be read.
    Usage(String),
}

/// The parser's message is several lines: the error, tips, the usage.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let wanted = lines.filter(|line| {
        !line.is_empty() && !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let joined = wanted.collect::<Vec<_>>().join("; ");
    format!("{}; see auth-server --help", joined.strip_prefix("error: ").unwrap_or(&joined))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, Stop> {
        super::parse(std::iter::once("auth-server").chain(arguments.iter().copied()).map(OsString::from))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        command().debug_assert();
    }

    #[test]
    fn settings_may_stand_before_and_after_the_command() {
        for arguments in [&["--port", "1", "migrate", "plan"], &["migrate", "plan", "--port", "1"]] {
            let cli = parse(arguments).unwrap();
            let port = cli.settings.0.iter().find(|given| given.name == "PORT").unwrap();
            assert_eq!((port.value.to_str(), port.origin), (Some("1"), Origin::Flag));
        }
    }

    #[test]
    fn the_id_of_a_key_may_begin_with_a_hyphen() {
        let ids = ["9s30", "-lcc1XdU4WEz", "--cc1XdU4WEz", "-h"];
        let cli = parse(&[&["keys", "revoke", "--port", "1", "--"], &ids[..]].concat()).unwrap();
        let Some(Command::Keys { action: Keys::Revoke { ids: read } }) = cli.command else {
            panic!("another")
        };
        assert_eq!(read, ids);
        let Err(Stop::Usage(line)) = parse(&["keys", "revoke", "-lcc1XdU4WEz"]) else { panic!("taken") };
        assert!(line.contains("'-- -l'"), "the way out is told: {line}");
    }

    #[test]
    fn a_wrong_word_is_answered_in_one_line_with_a_tip() {
        let Err(Stop::Usage(line)) = parse(&["--prot", "1"]) else { panic!("taken") };
        assert_eq!(line.lines().count(), 1);
        assert!(line.contains("--prot") && line.contains("--port"), "{line}");
        let Err(Stop::Usage(line)) = parse(&["--port"]) else { panic!("taken") };
        assert!(line.contains("--port"), "{line}");
        assert!(matches!(parse(&["--help"]), Err(Stop::Show(_))));
        assert!(matches!(parse(&["keys"]), Err(Stop::Incomplete(help)) if help.contains("rotate")));
    }

    /// The flags of settings in the help of some words.
    fn flags(words: &[&str]) -> Vec<String> {
        let Err(Stop::Show(help)) = parse(words) else { panic!("{words:?} is no help") };
        let flags = names().map(|(name, _)| format!("--{}", name.to_ascii_lowercase().replace('_', "-")));
        flags.filter(|flag| help.contains(&format!("{flag} <"))).collect()
    }

    #[test]
    fn the_short_help_has_no_setting_and_that_of_a_command_those_that_it_looks_at() {
        let all = names().count();
        assert_eq!(flags(&["--help"]).len(), all);
        assert_eq!(flags(&["help"]).len(), all);
        assert_eq!(flags(&["serve", "--help"]).len(), all);
        for words in [&["-h"][..], &["serve", "-h"], &["users", "list", "-h"], &["man", "--help"]] {
            assert_eq!(flags(words), Vec::<String>::new(), "{words:?}");
        }
        assert_eq!(flags(&["keys", "generate", "--help"]), ["--algorithm"]);
        let of_migrate = flags(&["migrate", "up", "--help"]);
        assert!(of_migrate.contains(&"--database-url-file".to_owned()), "{of_migrate:?}");
        assert!(of_migrate.len() < 10 && !of_migrate.contains(&"--port".to_owned()), "{of_migrate:?}");
        assert!(flags(&["help", "users", "create"]).contains(&"--smtp-url".to_owned()));
        assert!(flags(&["health", "--help"]).contains(&"--unix-socket".to_owned()));
    }

    #[test]
    fn what_a_command_looks_at_are_settings_and_what_they_were_before() {
        for name in [OF_DATABASE, OF_KEYS, OF_ACCOUNTS, OF_MACHINES, OF_PLACE].into_iter().flatten() {
            let is_one = |setting: &Setting| setting.name == *name;
            let begins_one = |setting: &Setting| name.ends_with('_') && setting.name.starts_with(name);
            assert!(SETTINGS.iter().any(|setting| is_one(setting) || begins_one(setting)), "{name}");
        }
        let of_keys = flags(&["keys", "rotate", "--help"]);
        for flag in ["--secret-key-previous-file", "--algorithm-previous", "--private-key-previous"] {
            assert!(of_keys.iter().any(|found| found == flag), "{flag} in {of_keys:?}");
        }
    }

    #[test]
    fn shells_and_man_are_told_of_commands_and_flags() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(completions(shell)).unwrap();
            assert!(script.contains("print-link") && script.contains("public-url"), "{shell}");
        }
        let page = String::from_utf8(man().unwrap()).unwrap();
        assert!(page.starts_with(".ie") || page.contains(".TH auth-server 1"), "{page:.80}");
        assert!(page.contains("completions") && page.contains("public\\-url"));
    }
}
