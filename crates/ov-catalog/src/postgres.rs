//! A copy of the catalogs on a PostgreSQL server, for several machines of a site.
//!
//! Each vault has a schema of its own there. The server learns what the thief of a local copy
//! would: keyed hashes. It is trusted with nothing more than speed: what it leaves out is not
//! found, as if a backup had not said it, so it must be as dear as the machines that ask it; what
//! it makes up costs a page read.

use std::path::PathBuf;
use std::time::Duration;

use ov_format::id::{ChunkTag, VaultId};
use postgres::config::{Host, SslMode};
use postgres::{Client, Config, NoTls, Statement};

use crate::error::CatalogError;
use crate::pass_file;
use crate::server_tls;
use crate::tables::{PageId, Root, Tables};
use crate::term::Token;

/// The form of the tables. A copy of another form is made anew.
const FORM: i64 = 1;

/// How long to wait for a connection, and for an answer of the network.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: &str = "
    CREATE TABLE form (form bigint NOT NULL);
    CREATE TABLE page (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tag bytea NOT NULL UNIQUE);
    CREATE TABLE above (child bigint NOT NULL, parent bigint NOT NULL, PRIMARY KEY (child, parent));
    CREATE INDEX above_parent ON above (parent);
    CREATE TABLE token (token bigint NOT NULL, page bigint NOT NULL, PRIMARY KEY (token, page));
    CREATE TABLE root (
        snapshot bytea PRIMARY KEY, compartment bytea NOT NULL, page bigint NOT NULL);
    CREATE TABLE mark (compartment bytea PRIMARY KEY, mark bigint NOT NULL);
";

const PAGE: &str = "SELECT id FROM page WHERE tag = $1";

const ADD_LEAF: &str = "
    WITH new AS (INSERT INTO page (tag) VALUES ($1) RETURNING id),
         own AS (INSERT INTO token (token, page) SELECT unnest($2::bigint[]), id FROM new)
    SELECT id FROM new";

const ADD_INDEX: &str = "
    WITH new AS (INSERT INTO page (tag) VALUES ($1) RETURNING id),
         own AS (INSERT INTO above (child, parent) SELECT DISTINCT unnest($2::bigint[]), id FROM new)
    SELECT id FROM new";

const PAGES: &str = "
    WITH RECURSIVE up(id) AS (
        SELECT page FROM token WHERE token = ANY($1)
        UNION SELECT parent FROM above JOIN up ON above.child = up.id)
    SELECT tag FROM page JOIN up ON page.id = up.id";

const SWEEP: &str = "
    CREATE TEMP TABLE live ON COMMIT DROP AS
        WITH RECURSIVE down(id) AS (
            SELECT page FROM root
            UNION SELECT child FROM above JOIN down ON above.parent = down.id)
        SELECT id FROM down;
    CREATE INDEX ON live (id);
    DELETE FROM token WHERE NOT EXISTS (SELECT FROM live WHERE id = page);
    DELETE FROM above WHERE NOT EXISTS (SELECT FROM live WHERE id = parent);
    DELETE FROM page WHERE NOT EXISTS (SELECT FROM live WHERE live.id = page.id);
";

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct Server {
    /// `postgresql://USER@HOST:PORT/DATABASE`, without a password. `?host=/folder` names a socket.
    pub url: String,
    /// A file with passwords in the form that PostgreSQL's own programs read, for its owner's eyes
    /// only; without it, `PGPASSFILE` or `~/.pgpass` if there is one.
    pub passfile: Option<PathBuf>,
    /// Certificates of authorities, PEM, in place of the system's.
    pub ca_file: Option<PathBuf>,
}

/// A copy on a server.
pub struct Postgres {
    client: Client,
    lock: i64,
    page: Statement,
    add_leaf: Statement,
    add_index: Statement,
    pages: Statement,
}

impl Postgres {
    /// Connects, and makes an empty copy for a vault if there is none, or one of another form.
    /// Connections beyond this machine are encrypted and the server's certificate is checked.
    ///
    /// # Errors
    ///
    /// The URL has a password or is none, the server does not answer or does not let us in, or its
    /// certificate is not what it should be.
    pub fn open(server: &Server, vault: VaultId) -> Result<Self, CatalogError> {
        let mut client = connect(server)?;
        let schema = schema(vault);
        prepare(&mut client, &schema)?;
        Ok(Self {
            page: client.prepare(PAGE)?,
            add_leaf: client.prepare(ADD_LEAF)?,
            add_index: client.prepare(ADD_INDEX)?,
            pages: client.prepare(PAGES)?,
            client,
            lock: lock(&schema, "change"),
        })
    }
}

/// The vault's own schema. Its id is no secret: it stands in every object.
fn schema(vault: VaultId) -> String {
    let id = vault.to_string();
    format!("oncovault_{}", id.get(..16).unwrap_or(&id))
}

/// The number of a lock of the server, which knows them by number alone.
fn lock(schema: &str, what: &str) -> i64 {
    let mut bytes = [0; 8];
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(what.as_bytes())
        .update(schema.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    i64::from_le_bytes(bytes)
}

fn connect(server: &Server) -> Result<Client, CatalogError> {
    let mut config: Config = server.url.parse().map_err(CatalogError::Url)?;
    if config.get_password().is_some() {
        return Err(CatalogError::PasswordInUrl);
    }
    config.connect_timeout(PATIENCE).tcp_user_timeout(PATIENCE);
    config.application_name("oncovault");
    if let Some(password) = pass_file::password(server.passfile.as_deref(), &config)? {
        config.password(password.as_bytes());
    }
    if is_here(&config) && config.get_ssl_mode() != SslMode::Require {
        return Ok(config.ssl_mode(SslMode::Disable).connect(NoTls)?);
    }
    let tls = server_tls::connector(server.ca_file.as_deref())?;
    Ok(config.ssl_mode(SslMode::Require).connect(tls)?)
}

/// Whether the server can only be on this machine.
fn is_here(config: &Config) -> bool {
    let numbers = config.get_hostaddrs();
    let is_here = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => matches!(&name[..], "localhost" | "127.0.0.1" | "::1" | "[::1]"),
    };
    numbers.iter().all(std::net::IpAddr::is_loopback) && config.get_hosts().iter().all(is_here)
}

/// Makes the schema current, one connection at a time, whoever changes the copy meanwhile.
fn prepare(client: &mut Client, schema: &str) -> Result<(), CatalogError> {
    let mut change = client.transaction()?;
    let alone = lock(schema, "make");
    change.execute("SELECT pg_advisory_xact_lock($1)", &[&alone])?;
    // It is asked first: who may use a schema may often not make one.
    let there = "SELECT FROM information_schema.schemata WHERE schema_name = $1";
    if change.query_opt(there, &[&schema])?.is_none() {
        change.batch_execute(&format!("CREATE SCHEMA {schema}"))?;
    }
    change.batch_execute(&format!(
        "SET search_path TO {schema}; SET synchronous_commit TO off;"
    ))?;
    let there = "SELECT to_regclass('form') IS NOT NULL";
    let there: bool = change.query_one(there, &[])?.get(0);
    let form = match there {
        true => change.query_opt("SELECT form FROM form", &[])?,
        false => None,
    };
    if form.map(|row| row.get::<_, i64>(0)) != Some(FORM) {
        for table in ["form", "page", "above", "token", "root", "mark"] {
            change.batch_execute(&format!("DROP TABLE IF EXISTS {table}"))?;
        }
        change.batch_execute(TABLES)?;
        change.execute("INSERT INTO form VALUES ($1)", &[&FORM])?;
    }
    Ok(change.commit()?)
}

impl Tables for Postgres {
    fn claim(&mut self) -> Result<bool, CatalogError> {
        let claim = "SELECT pg_try_advisory_lock($1)";
        Ok(self.client.query_one(claim, &[&self.lock])?.get(0))
    }

    fn release(&mut self) -> Result<(), CatalogError> {
        let release = "SELECT pg_advisory_unlock($1)";
        self.client.execute(release, &[&self.lock])?;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), CatalogError> {
        Ok(self.client.batch_execute("BEGIN")?)
    }

    fn look(&mut self) -> Result<(), CatalogError> {
        let look = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.client.batch_execute(look)?)
    }

    fn commit(&mut self) -> Result<(), CatalogError> {
        Ok(self.client.batch_execute("COMMIT")?)
    }

    fn page(&mut self, tag: ChunkTag) -> Result<Option<PageId>, CatalogError> {
        let row = self.client.query_opt(&self.page, &[&&tag.bytes()[..]])?;
        Ok(row.map(|row| row.get(0)))
    }

    fn add_leaf(&mut self, tag: ChunkTag, tokens: &[Token]) -> Result<PageId, CatalogError> {
        let tokens: Vec<i64> = tokens.iter().map(|token| token.0).collect();
        let row = self
            .client
            .query_one(&self.add_leaf, &[&&tag.bytes()[..], &tokens])?;
        Ok(row.get(0))
    }

    fn add_index(&mut self, tag: ChunkTag, below: &[PageId]) -> Result<PageId, CatalogError> {
        let row = self
            .client
            .query_one(&self.add_index, &[&&tag.bytes()[..], &below])?;
        Ok(row.get(0))
    }

    fn roots(&mut self) -> Result<Vec<Root>, CatalogError> {
        let roots = "SELECT snapshot, compartment FROM root";
        let rows = self.client.query(roots, &[])?;
        let root = |row: &postgres::Row| Root {
            snapshot: row.get(0),
            compartment: row.get(1),
        };
        Ok(rows.iter().map(root).collect())
    }

    fn add_root(
        &mut self,
        snapshot: &[u8],
        compartment: &[u8],
        page: PageId,
    ) -> Result<(), CatalogError> {
        let add = "INSERT INTO root (snapshot, compartment, page) VALUES ($1, $2, $3)
            ON CONFLICT (snapshot) DO UPDATE SET page = excluded.page";
        self.client
            .execute(add, &[&snapshot, &compartment, &page])?;
        Ok(())
    }

    fn forget(&mut self, snapshots: &[&[u8]]) -> Result<(), CatalogError> {
        let forget = "DELETE FROM root WHERE snapshot = ANY($1)";
        self.client.execute(forget, &[&snapshots])?;
        Ok(self.client.batch_execute(SWEEP)?)
    }

    fn mark(&mut self, compartment: &[u8]) -> Result<Option<Token>, CatalogError> {
        let mark = "SELECT mark FROM mark WHERE compartment = $1";
        let row = self.client.query_opt(mark, &[&compartment])?;
        Ok(row.map(|row| Token(row.get(0))))
    }

    fn set_mark(&mut self, compartment: &[u8], mark: Token) -> Result<(), CatalogError> {
        let set = "INSERT INTO mark (compartment, mark) VALUES ($1, $2)
            ON CONFLICT (compartment) DO UPDATE SET mark = excluded.mark";
        self.client.execute(set, &[&compartment, &mark.0])?;
        Ok(())
    }

    fn pages(&mut self, tokens: &[Token]) -> Result<Vec<ChunkTag>, CatalogError> {
        let tokens: Vec<i64> = tokens.iter().map(|token| token.0).collect();
        let rows = self.client.query(&self.pages, &[&tokens])?;
        let tags = rows
            .iter()
            .map(|row| <[u8; 16]>::try_from(row.get::<_, &[u8]>(0)));
        Ok(tags.filter_map(Result::ok).map(ChunkTag).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_leave_this_machine_goes_in_clear() {
        let cases = [
            ("postgresql://u@localhost/db", true),
            ("postgresql://u@127.0.0.1:5433/db", true),
            ("postgresql://u@%2Frun%2Fpostgresql/db", true),
            ("postgresql://u@db.clinic.example/db", false),
            ("postgresql://u@localhost,db.clinic.example/db", false),
            ("postgresql://u@localhost/db?hostaddr=192.0.2.1", false),
        ];
        for (url, here) in cases {
            assert_eq!(is_here(&url.parse().unwrap()), here, "{url}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_shown() {
        let server = Server {
            url: "postgresql://u:secret4711@localhost/db".to_owned(),
            passfile: None,
            ca_file: None,
        };
        let error = Postgres::open(&server, VaultId([1; 32])).err().unwrap();
        assert!(matches!(error, CatalogError::PasswordInUrl));
        assert!(!error.to_string().contains("4711"));
    }
}
