//! Why a database does not let us in, or does not work for us, in words. Its own message may quote the address, a user or a row.

use std::io::ErrorKind;

use sea_orm::{ConnAcquireErr, DbErr};
use sqlx::Error as Sqlx;

use crate::db_code::{self, sqlx_error};

/// The pool tries again while nobody listens.
const TIMED_OUT: &str = "nobody answered there in time: it does not run or is still starting, address or port is of another machine, a \
                         firewall is between, or all connections are taken";

/// What is the matter, and what helps, where the error tells; `None` where it may be anything. Repeats nothing of the
/// database's own message.
pub fn database_cause(error: &DbErr) -> Option<&'static str> {
    if matches!(error, DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) {
        return Some(TIMED_OUT);
    }
    match sqlx_error(error)? {
        Sqlx::Database(error) => of_code(&db_code::code(error.as_ref())?),
        Sqlx::Io(error) => of_io(error.kind(), &error.to_string()),
        Sqlx::Tls(error) => Some(of_tls(&error.to_string())),
        Sqlx::PoolTimedOut => Some(TIMED_OUT),
        Sqlx::Protocol(_) => Some(
            "what answers there speaks another protocol: is it a database of this kind, and the port the right one?",
        ),
        _ => None,
    }
}

/// SQLSTATE of PostgreSQL, numbers of MySQL and MariaDB, result codes of SQLite: no two are alike.
fn of_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" => "the password is wrong, or there is no such user",
        "28000" => "this user may not sign in from here, or not without TLS: see pg_hba.conf",
        "3D000" | "1049" => "there is no database of this name: create it (CREATE DATABASE), or name another",
        "42501" | "1142" | "1227" => "the user has no right to do this: GRANT it",
        "53300" | "1040" => {
            "the server has no connection left: raise its max_connections, or lower DATABASE_MAX_CONNECTIONS"
        }
        "57P03" => "the server is starting up or shutting down: try again in a moment",
        "57P01" | "57P02" => "the server was shut down, or an administrator ended the connection",
        "08P01" => {
            "a pooler in between (PgBouncer) refuses the connection: an option of the address that it does not know (take it out, or name \
             it in its ignore_startup_parameters), or a user or database that it does not list"
        }
        "42P05" | "26000" => {
            "a pooler in between gives each transaction another connection, where prepared statements are not the same: let it keep them \
             (PgBouncer 1.21, max_prepared_statements), or pool by session"
        }
        "25006" => "it can only be read: name the primary and not a replica",
        "1045" | "1698" => "the password is wrong, or this user may not sign in from here or by password",
        "1044" => "the user has no right to this database: GRANT it",
        "1203" | "1226" => {
            "the user has too many connections: raise its limit, or lower DATABASE_MAX_CONNECTIONS"
        }
        "1129" => "the server has blocked this machine after failed connections: FLUSH HOSTS",
        "1130" => "the server takes no connection from this machine: CREATE USER for it",
        "1251" | "1524" | "2059" => {
            "the user signs in by a plugin that is not to be had here: mysql_native_password and caching_sha2_password are"
        }
        "1820" | "1862" => "the password of the user has expired: ALTER USER",
        "3159" => "the server wants TLS: add ?ssl-mode=REQUIRED or VERIFY_IDENTITY",
        "1053" => "the server is shutting down: try again in a moment",
        "14" => {
            "the file cannot be opened: its directory has to exist, and this user has to read and write both"
        }
        "26" => "the file is no SQLite database, or an encrypted one",
        "11" => "the file is damaged: restore it from a backup",
        "8" | "264" | "520" | "776" => "the file, or its directory, cannot be written by this user",
        "10" => "the disk fails to read or write the file",
        "13" => "the disk is full",
        "5" | "6" | "261" | "517" => "another program holds a lock on the file",
        _ => return None,
    })
}

fn of_io(kind: ErrorKind, text: &str) -> Option<&'static str> {
    Some(match kind {
        // No kind of its own: the text is that of the standard library.
        _ if text.contains("lookup address") => "the name of its host is not known here (DNS)",
        ErrorKind::ConnectionRefused => {
            "nobody listens at this address and port: it does not run, or elsewhere"
        }
        ErrorKind::NotFound => "a file that the address names is not there: the socket, or a certificate",
        ErrorKind::PermissionDenied => "this user may not open the socket or a certificate",
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "there is no way to this address: see the network and firewalls"
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => {
            "the connection was closed: what answers there may be no database of this kind, want TLS, or refuse this machine"
        }
        ErrorKind::InvalidData => of_tls(text),
        _ => return None,
    })
}

/// The words are those of rustls and sqlx.
fn of_tls(text: &str) -> &'static str {
    match () {
        () if text.contains("does not support TLS") => {
            "the server has no TLS: switch it on there, or take sslmode or ssl-mode down"
        }
        () if text.contains("NotValidForName") || text.contains("not valid for name") => {
            "TLS: the certificate is of another name than the address has"
        }
        () if text.contains("Expired") || text.contains("expired") => "TLS: the certificate is over",
        () if text.contains("UnknownIssuer") => {
            "TLS: the issuer of the certificate is not known: name its file in sslrootcert (PostgreSQL) or ssl-ca (MySQL, MariaDB)"
        }
        () if text.contains("No such file") => {
            "TLS: the file of a certificate or key that the address names is not there"
        }
        () => {
            "TLS failed: see the certificates of the server and of the address (sslrootcert, ssl-ca), and what sslmode or ssl-mode asks for"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn cause(error: Sqlx) -> &'static str {
        database_cause(&DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into()))).unwrap_or_default()
    }

    #[test]
    fn each_way_of_finding_no_database_has_its_own_words() {
        let io = |kind: ErrorKind| Sqlx::Io(io::Error::from(kind));
        for (error, words) in [
            (io(ErrorKind::ConnectionRefused), "nobody listens"),
            (io(ErrorKind::NotFound), "is not there"),
            (io(ErrorKind::PermissionDenied), "may not open"),
            (io(ErrorKind::HostUnreachable), "no way to"),
            (io(ErrorKind::UnexpectedEof), "was closed"),
            (Sqlx::Io(io::Error::other("failed to lookup address information: hush")), "DNS"),
            (
                Sqlx::Io(io::Error::new(ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer")),
                "issuer",
            ),
            (
                Sqlx::Tls("invalid peer certificate: certificate not valid for name \"hush\"".into()),
                "of another name",
            ),
            (Sqlx::Tls("server does not support TLS".into()), "has no TLS"),
            (Sqlx::Tls("hush".into()), "TLS failed"),
            (Sqlx::PoolTimedOut, "in time"),
            (Sqlx::Protocol("hush".into()), "another protocol"),
        ] {
            let told = cause(error);
            assert!(told.contains(words) && !told.contains("hush"), "{words}: {told}");
        }
        for code in [
            "28P01", "28000", "3D000", "53300", "57P03", "08P01", "42P05", "26000", "1045", "1044", "1049",
            "1040", "1130", "3159", "14", "26", "8",
        ] {
            assert!(of_code(code).is_some(), "{code}");
        }
        assert_eq!(of_code("23505"), None);
    }
}
