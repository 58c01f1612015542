use super::*;

fn from(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|&(k, v)| (k.to_owned(), v.to_owned()));
    parse("vouch.toml", text, variables)
}

fn error(text: &str, variables: &[(&str, &str)]) -> String {
    from(text, variables).expect_err("must be refused").to_string()
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(from("", &[]).unwrap(), Config::default());
}

#[test]
fn the_example_names_every_setting_with_its_default() {
    let example = include_str!("../../vouch.toml");
    // As it is, every setting is commented out.
    assert_eq!(from(example, &[]).unwrap(), Config::default());
    // With the comments taken off `# key = value`, it says the defaults, all of them.
    let uncommented: String = example
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(k, _)| is_key(k)) => rest,
            Some("[policy.version]") => "[policy.version]",
            _ => line,
        })
        .filter(|line| {
            !OPTIONAL_KEYS.iter().any(|key| line.starts_with(key)) && *line != "[server.tls]"
        })
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(from(&uncommented, &[]).unwrap(), Config::default());
    let table: toml::Table = toml::from_str(&uncommented).unwrap();
    let defaults: toml::Table = toml::from_str(&Config::default().to_toml()).unwrap();
    assert_eq!(table, defaults);
    for key in OPTIONAL_KEYS {
        assert!(example.contains(&format!("# {key} = ")), "{key} is not in the example");
    }
}

const OPTIONAL_KEYS: [&str; 5] = ["cert_file", "key_file", "client_ca_file", "dir", "behavior"];

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[test]
fn what_is_printed_is_read_back() {
    let mut config = Config::default();
    config.engine.threads = 3;
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    assert_eq!(from(&config.to_toml(), &[]).unwrap(), config);
}

#[test]
fn the_environment_beats_the_file() {
    let text = "[engine]\nthreads = 3\nqueue = 7\n[telemetry]\nformat = \"json\"\n";
    let config = from(
        text,
        &[
            ("VOUCH_ENGINE_THREADS", "5"),
            ("VOUCH_SERVER_LISTEN", "127.0.0.1:9"),
            ("VOUCH_POLICY_VERIFICATION_ACCEPT_LLR", "6.5"),
            ("VOUCH_SERVER_TLS_CERT_FILE", "c.pem"),
            ("VOUCH_SERVER_TLS_KEY_FILE", "k.pem"),
            ("VOUCH_DATA", "not ours"),
            ("VOUCH_MASTER_KEY", "not a setting"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!((config.engine.threads, config.engine.queue), (5, 7));
    assert_eq!(config.server.listen.port(), 9);
    assert_eq!(config.policy.verification.accept_llr.0, 6.5);
    assert_eq!(config.server.tls.unwrap().cert_file, PathBuf::from("c.pem"));
    assert_eq!(config.telemetry.format, LogFormat::Json);
}

#[test]
fn every_setting_has_a_variable_of_its_own() {
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    let value = |v: &toml::Value| match v {
        toml::Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let mut count = 0;
    for (section, table) in &defaults {
        for (key, v) in table.as_table().unwrap().iter().filter(|(_, v)| !v.is_table()) {
            let name = format!("VOUCH_{}_{}", section.to_uppercase(), key.to_uppercase());
            let config = from("", &[(&name, &value(v))]).unwrap();
            assert_eq!(config, Config::default(), "{name}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn errors_name_the_key_and_what_came() {
    let cases = [
        ("[server]\nlisten_on = \"x\"", "listen_on"),
        ("[sever]\n", "sever"),
        ("[server]\nmax_calls = \"many\"", "max_calls"),
        ("[server]\nlisten = \"nowhere\"", "listen"),
        ("[server]\nmax_calls = 0", "server.max_calls: 1 to 100000, got 0"),
        ("[engine]\nqueue = 0", "engine.queue: 1 to 100000, got 0"),
        ("[audit]\nevery_seconds = 100000", "audit.every_seconds: 1 to 86400, got 100000"),
        ("[models]\nlicense = \"mine\"", "license"),
        ("[models]\ndefault = \"\"", "models.default: must not be empty"),
        ("[models]\nfusion = \"\"", "models.fusion: must not be empty"),
        ("[policy.verification]\naccept_llr = 99.0", "accept_llr"),
        ("[keys]\nmaster_key_file = \"data/master.key\"", "keys.master_key_file: must lie outside"),
        ("[audit]\ncheckpoint_file = \"./data/x/a\"", "audit.checkpoint_file: must lie outside"),
        ("not toml", "vouch.toml"),
    ];
    for (text, says) in cases {
        let error = error(text, &[]);
        assert!(error.contains(says), "{text:?} gave {error:?}");
    }
}

#[cfg(unix)]
#[test]
fn no_way_of_writing_it_leads_a_key_into_the_folder_of_the_database() {
    let root = tempfile::tempdir().unwrap();
    let (data, keys) = (root.path().join("data"), root.path().join("keys"));
    for folder in [&data, &keys] {
        std::fs::create_dir(folder).unwrap();
    }
    let link = root.path().join("link");
    std::os::unix::fs::symlink(&data, &link).unwrap();
    std::fs::write(data.join("master.key"), "").unwrap();
    std::os::unix::fs::symlink(data.join("master.key"), keys.join("linked.key")).unwrap();
    let with = |key: &Path| {
        let (store, key) = (data.join("vouch.db"), key.display());
        let store = store.display();
        format!("[store]\npath = \"{store}\"\n[keys]\nmaster_key_file = \"{key}\"")
    };
    from(&with(&keys.join("master.key")), &[]).unwrap();
    from(&with(&data.join("../keys/new/master.key")), &[]).unwrap();
    for inside in [
        data.join("new/master.key"),
        keys.join("../data/master.key"),
        keys.join("new/../../data/master.key"),
        link.join("other.key"),
        keys.join("linked.key"),
    ] {
        let error = error(&with(&inside), &[]);
        assert!(error.contains("keys.master_key_file: must lie outside"), "{inside:?}: {error}");
    }
}

#[test]
fn wrong_variables_are_named() {
    let typo = error("", &[("VOUCH_SERVER_LISTN", "x")]);
    assert_eq!(typo, "environment variable VOUCH_SERVER_LISTN: names no setting");
    let wrong = error("", &[("VOUCH_ENGINE_THREADS", "many")]);
    assert_eq!(wrong, "environment variable VOUCH_ENGINE_THREADS: needs integer, got \"many\"");
}

#[test]
fn a_named_file_must_exist() {
    let missing = Path::new("/nowhere/vouch.toml");
    let error = load(Some(missing)).expect_err("there is none");
    assert!(matches!(error, ConfigError::Read { .. }), "{error}");
}

#[test]
fn licenses_follow_the_table() {
    let config = from("[models]\nlicence = \"open\"", &[]).unwrap();
    assert_eq!(config.models.license, LicensePolicy::Open);
    assert!(LicensePolicy::Any.allows(LicenseClass::Research));
    assert!(LicensePolicy::Open.allows(LicenseClass::Open));
    assert!(!LicensePolicy::Open.allows(LicenseClass::Research));
}
