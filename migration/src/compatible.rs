//! Which migrations the version before can live with.

/// How the name of a migration ends after which older programs must not go on.
const BREAKING: &str = "_breaking";

pub(crate) fn is_breaking(name: &str) -> bool {
    name.ends_with(BREAKING)
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::is_breaking;
    use crate::migrator::MIGRATIONS;

    /// Everything that is known to be compatible; what is new here is first thought about, and then added.
    ///
    /// * A table. Its foreign keys may not keep an older program, which does not know it, from deleting a row.
    /// * A column that an older program need not fill.
    /// * What stands in such a column, and its default, in the migration that adds it.
    /// * How full a page is.
    /// * An index, and to drop one that decides nothing. A unique one refuses rows which an older program may write, so
    ///   only on a table that the migration makes.
    fn only_adds(statement: &str, made: &[String]) -> bool {
        let text = statement.replace(['"', '`'], "");
        let starts = |start: &str| text.starts_with(start);
        if starts("CREATE TABLE IF NOT EXISTS ") || starts("ALTER TABLE ") {
            let goes_with_it =
                ["ON DELETE CASCADE", "ON DELETE SET NULL"].map(|rule| text.matches(rule).count());
            if text.matches("REFERENCES").count() != goes_with_it.iter().sum::<usize>() {
                return false;
            }
        }
        if starts("CREATE TABLE IF NOT EXISTS ") || starts("CREATE INDEX ") {
            return true;
        }
        if starts("CREATE UNIQUE INDEX ") {
            return made.iter().any(|table| text.contains(&format!(" ON {table} (")));
        }
        if let Some(index) = text.strip_prefix("DROP INDEX ") {
            return index.split_whitespace().any(|word| word.ends_with("_idx"));
        }
        let is_made = |table: &str, column: &str| made.contains(&format!("{table}.{column}"));
        if let Some((table, column)) = text.strip_prefix("UPDATE ").and_then(|rest| rest.split_once(" SET "))
        {
            return !column.contains(',')
                && column.split(' ').next().is_some_and(|column| is_made(table, column));
        }
        let Some((table, changes)) = text.strip_prefix("ALTER TABLE ").and_then(|rest| rest.split_once(' '))
        else {
            return false;
        };
        clauses(changes).iter().all(|clause| {
            if clause.starts_with("SET (fillfactor") {
                return true;
            }
            if let Some((column, change)) =
                clause.strip_prefix("ALTER COLUMN ").and_then(|rest| rest.split_once(' '))
            {
                return ["DROP DEFAULT", "SET DEFAULT NULL"].contains(&change) && is_made(table, column);
            }
            let may_be_left_out = !clause.contains(" NOT NULL") || clause.contains(" DEFAULT ");
            clause.starts_with("ADD COLUMN ") && may_be_left_out && !clause.contains(" UNIQUE")
        })
    }

    /// The parts between commas that stand in no brackets.
    fn clauses(text: &str) -> Vec<String> {
        let (mut clauses, mut depth) = (vec![String::new()], 0_u32);
        for letter in text.chars() {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    clauses.push(String::new());
                    continue;
                }
                _ => {}
            }
            clauses.last_mut().unwrap().push(letter);
        }
        clauses.iter().map(|clause| clause.trim().to_owned()).collect()
    }

    fn made_by(statements: &[String]) -> Vec<String> {
        let plain = statements.iter().map(|statement| statement.replace(['"', '`'], ""));
        let made =
            plain.filter_map(|text| text.strip_prefix("CREATE TABLE IF NOT EXISTS ").map(str::to_owned));
        let tables = made.filter_map(|rest| rest.split_whitespace().next().map(str::to_owned));
        let plain = statements.iter().map(|statement| statement.replace(['"', '`'], ""));
        let columns = plain.filter_map(|text| {
            let (table, change) = text.strip_prefix("ALTER TABLE ")?.split_once(" ADD COLUMN ")?;
            let column = change.trim_start_matches("IF NOT EXISTS ").split(' ').next()?;
            Some(format!("{table}.{column}"))
        });
        tables.chain(columns).collect()
    }

    #[test]
    fn a_migration_that_does_more_than_add_says_so_in_its_name() {
        for migration in MIGRATIONS {
            for backend in [DbBackend::Sqlite, DbBackend::Postgres, DbBackend::MySql] {
                let statements = (migration.up)(backend);
                let made = made_by(&statements);
                for statement in statements {
                    assert!(
                        only_adds(&statement, &made) || is_breaking(migration.name),
                        "{} on {backend:?}: the version before may not be able to live with {statement:?}. A release adds; \
                         what it removes, renames or narrows goes a release later, in a migration whose name ends in _breaking",
                        migration.name
                    );
                }
            }
        }
    }

    #[test]
    fn what_removes_renames_or_narrows_is_told_from_what_adds() {
        let made = ["auth_factor".to_owned(), "auth_event.seq".to_owned()];
        for adds in [
            "CREATE TABLE IF NOT EXISTS \"auth_factor\" ( \"id\" uuid NOT NULL )",
            "CREATE INDEX IF NOT EXISTS \"auth_user_x_idx\" ON \"auth_user\" (\"x\")",
            "CREATE UNIQUE INDEX IF NOT EXISTS \"auth_factor_key\" ON \"auth_factor\" (\"x\")",
            "ALTER TABLE `auth_user` ADD COLUMN `x` bigint NULL, ADD COLUMN `y` decimal(5, 2) NOT NULL DEFAULT 0",
            "ALTER TABLE \"auth_session\" ADD COLUMN \"x\" bigint",
            "ALTER TABLE auth_event ALTER COLUMN seq DROP DEFAULT",
            "UPDATE auth_event SET seq = 0",
            "DROP INDEX IF EXISTS \"auth_session_last_used_at_idx\"",
            "DROP INDEX `auth_session_last_used_at_idx` ON `auth_session`",
        ] {
            assert!(only_adds(adds, &made), "{adds}");
        }
        for breaks in [
            "DROP TABLE IF EXISTS \"auth_lease\"",
            "ALTER TABLE auth_event ALTER COLUMN code DROP DEFAULT",
            "UPDATE auth_event SET seq = 0, code = ''",
            "UPDATE auth_user SET email = ''",
            "ALTER TABLE \"auth_user\" DROP COLUMN \"email\"",
            "ALTER TABLE `auth_user` ADD COLUMN `x` bigint NULL, DROP COLUMN `email`",
            "ALTER TABLE \"auth_user\" RENAME COLUMN \"email\" TO \"address\"",
            "ALTER TABLE \"auth_user\" RENAME TO \"auth_account\"",
            "ALTER TABLE \"auth_user\" ADD COLUMN \"x\" bigint NOT NULL",
            "ALTER TABLE \"auth_user\" ADD COLUMN \"x\" bigint NULL UNIQUE",
            "ALTER TABLE \"auth_user\" ALTER COLUMN \"email\" TYPE varchar(100)",
            "ALTER TABLE `auth_user` MODIFY COLUMN `email` varchar(100)",
            "ALTER TABLE \"auth_user\" ADD CONSTRAINT \"x\" CHECK (\"epoch\" < 5)",
            "CREATE UNIQUE INDEX IF NOT EXISTS \"x\" ON \"auth_user\" (\"email\")",
            "DROP INDEX IF EXISTS \"auth_user_email_normalized_key\"",
            "CREATE TABLE IF NOT EXISTS \"auth_x\" ( \"u\" uuid, FOREIGN KEY (\"u\") REFERENCES \"auth_user\" (\"id\") )",
            "UPDATE \"auth_user\" SET \"epoch\" = 0",
            "TRUNCATE auth_session",
        ] {
            assert!(!only_adds(breaks, &made), "{breaks}");
        }
    }
}
