use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;

const WHOLE: &str = r#"
[vault]
url = "vault"
key = "agent.key"
passphrase-command = ["systemd-creds", "cat", "passphrase"]
site = "away"

[policy]
copies = "2-1-1-0-0"
time-zone = "Europe/Berlin"
prune = "weekly on sun at 05:00"
retention = { daily = 14, weekly = 8, within = "2d" }

[[copy]]
name = "basement"
url = "/mnt/basement"
medium = "drive"
offline = true

[[copy]]
name = "cloud"
url = "s3://hospital/oncology"
medium = "cloud"
site = "away"
by = "pull"
s3 = { region = "eu-central-1", ca-file = "ca.pem" }

[[dataset]]
name = "tps-plans"
paths = ["plans", "/srv/more"]
exclude = ["*.tmp"]
exclude-larger-than = "20G"
rpo = "24h"
schedule = "daily at 02:00"
retention = { last = 3, tags = ["gold,signed"] }
hooks.before = [{ run = ["freeze"], timeout = "30s" }]
hooks.finally = [{ run = ["thaw || true"], shell = true }]

[[dataset]]
name = "trial-db"
command = ["pg_dump", "trial"]
stdin-name = "trial.sql"
reread = "5%"
memory = "64M"

[notify]
textfile = "node.prom"
ping = [{ url = "https://hc.example.org/ping/secret", about = ["tps-plans"] }]

[[notify.mail]]
server = "mail.example.org"
password-file = "mail.password"
user = "oncovault"
from = "OncoVault <vault@example.org>"
to = ["it@example.org"]

[[notify.ntfy]]
url = "https://ntfy.example.org/backups"
tell = "everything"

[[watch]]
name = "linac"
agent = "3f2a91"
rpo = "24h"
"#;

fn read(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oncovault.toml");
    fs::write(&file, text).unwrap();
    Config::read(&file)
}

/// What is said about a file, without its folder.
fn said(text: &str) -> String {
    let error = read(text).unwrap_err().to_string();
    let start = error.find("oncovault.toml").unwrap_or(0);
    error.get(start..).unwrap_or(&error).to_owned()
}

fn with_vault(text: &str) -> String {
    format!("[vault]\nurl = \"/srv/vault\"\n{text}")
}

#[test]
fn a_whole_configuration_is_read() {
    let config = read(WHOLE).unwrap();
    assert_eq!(config.vault.site, Site::Away);
    assert_eq!(config.policy.copies.copies, 2);
    let plans = config.dataset("tps-plans").unwrap();
    assert!(matches!(
        plans.origin(),
        Some(Origin::Files { paths: [_, _], .. })
    ));
    assert_eq!(plans.rpo.as_ref().unwrap().seconds(), 86_400);
    assert_eq!(plans.exclude_larger_than.as_ref().unwrap().bytes, 20 << 30);
    assert_eq!(plans.retention.as_ref().unwrap().rules().last, Some(3));
    let thaw = plans.hooks.finally[0].arguments().unwrap();
    assert_eq!(thaw, ["/bin/sh", "-c", "thaw || true"]);
    assert_eq!(config.copy("cloud").unwrap().by, Fetched::Pull);
    assert!(matches!(
        config.dataset("trial-db").unwrap().origin(),
        Some(Origin::Command {
            name: "trial.sql",
            ..
        })
    ));
}

#[test]
fn who_is_told_is_read_and_secrets_are_not_shown() {
    let config = read(WHOLE).unwrap();
    assert!(config.notify.textfile.as_ref().unwrap().is_absolute());
    let password = config.notify.mail[0].password_file.as_ref().unwrap();
    assert!(password.is_absolute());
    assert_eq!(config.watch[0].grace.seconds(), 3_600);
    assert!(!format!("{config:?}").contains("ping/secret"));
    let twice = format!("{WHOLE}[[watch]]\nname = \"linac\"\nagent = \"3f2a92\"\nrpo = \"1h\"\n");
    let error = read(&twice).unwrap_err().to_string();
    assert!(
        error.contains("two agents to watch of the name linac"),
        "{error}"
    );
    let bad = with_vault("[[notify.mail]]\nserver = \"x\"\nfrom = \"nobody\"\nto = []\n");
    assert!(said(&bad).contains("`from`"), "{}", said(&bad));
}

#[test]
fn paths_count_from_the_file_in_which_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(folder.path()).unwrap();
    fs::create_dir(base.join("datasets.d")).unwrap();
    let main = "include = [\"datasets.d\"]\n[vault]\nurl = \"vault\"\nkey = \"a.key\"\n";
    fs::write(base.join("oncovault.toml"), main).unwrap();
    let one = "[[dataset]]\nname = \"one\"\npaths = [\"here\", \"/there\"]\n";
    fs::write(base.join("datasets.d/one.toml"), one).unwrap();
    fs::write(base.join("datasets.d/ignored.txt"), "no TOML").unwrap();
    let config = Config::read(&base.join("oncovault.toml")).unwrap();
    assert_eq!(
        config.vault.url.as_folder(),
        Some(base.join("vault").as_path())
    );
    assert_eq!(config.vault.key, Some(base.join("a.key")));
    let paths = &config.dataset("one").unwrap().paths;
    assert_eq!(*paths, [base.join("datasets.d/here"), "/there".into()]);
}

#[test]
fn what_is_resolved_is_read_as_the_same() {
    let config = read(WHOLE).unwrap();
    let resolved = config.to_toml().unwrap();
    assert!(resolved.contains("tick = \"15min\""), "{resolved}");
    assert_eq!(read(&resolved).unwrap(), config, "{resolved}");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known() {
    let cases = [
        (
            "[vault]\nurl = \"x\"\nkeys = \"a\"\n",
            ":3: the key `keys` is not known; did you mean `key`?",
        ),
        (
            "[[dataset]]\nname = \"a\"\npath = [\"x\"]\n",
            ":3: the key `path` is not known; did you mean `paths`?",
        ),
        (
            "[[dataset]]\nname = \"a\"\nexclude_caches = true\n",
            "did you mean `exclude-caches`?",
        ),
        (
            "[polcy]\n",
            ":1: the key `polcy` is not known; did you mean `policy`?",
        ),
        (
            "[policy.retention]\nkeep-daily = 3\n",
            ":2: the key `keep-daily` is not known",
        ),
        (
            "\n\n[vault.s3]\nzzz = 1\n",
            ":4: the key `zzz` is not known; known here are endpoint, region",
        ),
        (
            "[[dataset]]\nname = \"a\"\n[[dataset.hooks.before]]\nrun = [\"x\"]\ntime-out = \"1s\"\n",
            ":5: the key `time-out` is not known; did you mean `timeout`?",
        ),
    ];
    for (text, expected) in cases {
        let said = said(text);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_value_that_means_nothing_is_named_with_its_line_and_why() {
    let cases = [
        (
            "[vault]\nurl = \"ftp://x/y\"\n",
            ":2: `url`: targets of the kind ftp: are not known",
        ),
        (
            "[vault]\nurl = \"s3://me:secret@x/y\"\n",
            ":2: `url`: the target holds credentials",
        ),
        (
            "[[dataset]]\nname = \"a b\"\n",
            ":2: `name`: \"a b\" is no name",
        ),
        (
            "[[dataset]]\nname = \"a\"\nrpo = \"15m\"\n",
            ":3: `rpo`: the m in '15m' may be minutes or months",
        ),
        (
            "[[dataset]]\nname = \"a\"\nschedule = \"often\"\n",
            ":3: `schedule`: 'often' is no schedule",
        ),
        (
            "[[dataset]]\nname = \"a\"\nexclude-larger-than = 5\n",
            ":3: `exclude-larger-than`: invalid type",
        ),
        (
            "[policy]\ncopies = \"many\"\n",
            ":2: `copies`: 'many' is no rule for copies",
        ),
        (
            "[policy]\ntime-zone = \"Berlin\"\n",
            ":2: `time-zone`: \"Berlin\" is no time zone",
        ),
        (
            "[policy.retention]\ndaily = 0\n",
            ":2: `daily`: invalid value",
        ),
        ("[vault\n", ":1: "),
    ];
    for (text, expected) in cases {
        let said = said(text);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let cases = [
        ("", "name no vault"),
        (
            "[vault]\nurl = \"x\"\npassphrase-file = \"a\"\npassphrase-command = [\"b\"]\n",
            "one of them is enough",
        ),
        (
            "[[dataset]]\nname = \"a\"\n",
            "dataset a: nothing to back up",
        ),
        (
            "[[dataset]]\nname = \"a\"\npaths = [\"x\"]\ncommand = [\"y\"]\n",
            "both files and a command",
        ),
        (
            "[[dataset]]\nname = \"a\"\ncommand = [\"y\"]\n",
            "belong together",
        ),
        (
            "[[dataset]]\nname = \"a\"\npaths = [\"x\"]\n[[dataset]]\nname = \"a\"\npaths = [\"y\"]\n",
            "two datasets of the name a",
        ),
        (
            "[[dataset]]\nname = \"a\"\npaths = [\"x\"]\nhooks.after = [{ run = [] }]\n",
            "names no program",
        ),
        (
            "[[dataset]]\nname = \"a\"\npaths = [\"x\"]\nhooks.after = [{ run = [\"a\", \"b\"], shell = true }]\n",
            "one text",
        ),
    ];
    for (text, expected) in cases {
        let text = match text.contains("[vault]") || text.is_empty() {
            true => text.to_owned(),
            false => with_vault(text),
        };
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_table_may_stand_in_one_file_only_and_no_file_includes_itself() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let main = folder.path().join("main.toml");
    write(
        "main.toml",
        &format!("include = [\"more.toml\"]\n{}", with_vault("")),
    );
    write("more.toml", &with_vault(""));
    let error = Config::read(&main).unwrap_err();
    assert!(
        matches!(error, ConfigError::Twice { table: "vault", .. }),
        "{error}"
    );
    write("more.toml", "include = [\"main.toml\"]\n");
    let error = Config::read(&main).unwrap_err();
    assert!(
        matches!(error, ConfigError::IncludedTwice { .. }),
        "{error}"
    );
    write("more.toml", "include = [\"missing.toml\"]\n");
    let error = Config::read(&main).unwrap_err().to_string();
    assert!(error.contains("missing.toml"), "{error}");
}

/// Where the schema is committed. It is written anew with `ONCOVAULT_RENEW=1`.
const SCHEMA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/oncovault.schema.json"
);

#[test]
fn the_schema_that_is_given_out_is_that_of_the_program() {
    let schema = Config::schema();
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    if std::env::var_os("ONCOVAULT_RENEW").is_some() {
        fs::write(SCHEMA, &text).unwrap();
    }
    let committed = fs::read_to_string(Path::new(SCHEMA)).unwrap();
    assert_eq!(committed, text, "run the test with ONCOVAULT_RENEW=1");
}

#[test]
fn the_schema_agrees_with_the_reader_about_keys_and_types() {
    let schema = Config::schema();
    let checker = jsonschema::validator_for(&schema).unwrap();
    let value = |text: &str| {
        let value: toml::Value = toml::from_str(text).unwrap();
        serde_json::to_value(value).unwrap()
    };
    assert!(checker.is_valid(&value(WHOLE)));
    for wrong in [
        "zzz = 1\n",
        "[vault]\nurl = 3\n",
        "[[dataset]]\npaths = [\"x\"]\n",
    ] {
        assert!(!checker.is_valid(&value(wrong)), "{wrong}");
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.md");

/// The keys of the table under a heading of the reference.
fn documented(reference: &str, heading: &str) -> BTreeSet<String> {
    let mark = format!("\n## {heading}\n");
    let (_, section) = reference
        .split_once(&mark)
        .unwrap_or_else(|| panic!("{heading}"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_reference_has_every_key_and_no_other() {
    let schema = Config::schema();
    let reference = fs::read_to_string(REFERENCE).unwrap();
    let tables = [
        ("[vault]", "/$defs/VaultPlace"),
        ("[vault.s3], [copy.s3]", "/$defs/S3"),
        ("[policy]", "/$defs/Policy"),
        (
            "[policy.retention], [dataset.retention]",
            "/$defs/Retention",
        ),
        ("[[copy]]", "/$defs/CopyPlace"),
        ("[[dataset]]", "/$defs/Dataset"),
        ("[dataset.hooks]", "/$defs/Hooks"),
        ("A hook", "/$defs/Hook"),
        ("[notify]", "/$defs/Notify"),
        ("[[notify.ping]]", "/$defs/Ping"),
        ("[[notify.mail]]", "/$defs/Mail"),
        ("[[notify.webhook]], [[notify.ntfy]]", "/$defs/Webhook"),
        ("[[watch]]", "/$defs/Watch"),
        ("Top level", ""),
    ];
    for (heading, place) in tables {
        let table = schema
            .pointer(place)
            .unwrap_or_else(|| panic!("no {place}"));
        let known = table["properties"].as_object().unwrap();
        let known: BTreeSet<String> = known.keys().cloned().collect();
        assert_eq!(documented(&reference, heading), known, "{heading}");
    }
}
