//! Names, tokens and the written configuration.

#![allow(clippy::unwrap_used, clippy::panic)]

use covolt_net::{FleetName, NetError, Participant, ServerSettings, Storage, StreamSettings, TlsFiles, server_config};
use proptest::prelude::*;

fn agent(name: &str) -> Participant {
    Participant::Agent(name.to_owned())
}

proptest! {
    #[test]
    fn law_tokens_are_fit_and_lead_back_to_their_names(name in "\\PC{1,12}|[a-zA-Z0-9_. *>-]{1,20}") {
        let token = agent(&name).token().unwrap();
        prop_assert!(token.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_')));
        prop_assert_eq!(Participant::agent_of_token(&token), Some(agent(&name)));
    }

    #[test]
    fn law_any_text_is_one_token_of_one_name_or_none(token in "[a-z0-9_-]{0,12}|\\PC{0,9}") {
        if let Some(participant) = Participant::agent_of_token(&token) {
            prop_assert_eq!(participant.token().ok(), Some(token));
        }
    }

    #[test]
    fn law_any_case_name_makes_a_fleet_name(name in "\\PC{0,150}") {
        let fleet = FleetName::from_case_name(&name);
        prop_assert_eq!(FleetName::new(fleet.as_str()), Ok(fleet.clone()));
        if let Ok(exact) = FleetName::new(&name) {
            prop_assert_eq!(fleet, exact);
        }
    }
}

#[test]
fn law_names_that_fit_nowhere_are_refused() {
    for name in ["", "A", "a.b", "a b", "*", ">", "ä", &"x".repeat(65)] {
        assert!(matches!(FleetName::new(name), Err(NetError::Name { what: "fleet", .. })), "{name}");
    }
    assert_eq!(FleetName::from_case_name("Case 33.bus").as_str(), "case-33-bus");
    assert_eq!(agent("M 1_a").token().unwrap(), "_4d_201_5fa");
    assert!(agent("").token().is_err() && agent(&"ü".repeat(26)).token().is_err());
    assert!(agent(&"ü".repeat(25)).token().is_ok());
}

fn settings() -> ServerSettings {
    ServerSettings { listen: "127.0.0.1:4333".to_owned(), ..ServerSettings::default() }
}

fn written(settings: &ServerSettings, agents: &[&str]) -> Result<String, NetError> {
    let agents: Vec<String> = agents.iter().map(|&agent| agent.to_owned()).collect();
    server_config(settings, &FleetName::new("f").unwrap(), &agents)
}

#[test]
fn law_each_agent_may_do_exactly_what_it_needs() {
    let text = written(&settings(), &["a", "B"]).unwrap();
    let after = text.split("user: \"CN=a,OU=agent,O=f\"").nth(1).unwrap();
    let own = after.split("user:").next().unwrap();
    let subjects: Vec<&str> = own.split('"').skip(1).step_by(2).filter(|word| !word.is_empty()).collect();
    let expected = [
        "covolt.f.up.a",
        "$JS.API.DIRECT.GET.covolt_f_down_a",
        "covolt.f.hello.agent.a",
        "covolt.f.down.a",
        "_INBOX.covolt.f.agent.a.>",
    ];
    assert_eq!(subjects, expected);
    assert!(text.contains("user: \"CN=_42,OU=agent,O=f\"") && text.contains("names without proof"));
    assert!(text.contains("max_file_store: 590558003"), "{text}");
    let memory = StreamSettings { storage: Storage::Memory, ..StreamSettings::default() };
    let text = written(&ServerSettings { stream: Some(memory), ..settings() }, &["a", "B"]).unwrap();
    assert!(text.contains("max_memory_store: 590558003") && text.contains("max_file_store: 0"), "{text}");
}

#[test]
fn law_a_configuration_that_is_unsafe_or_unreadable_is_not_written() {
    for listen in ["0.0.0.0:4222", "[::]:4222", "192.0.2.1:4222", "hub:4222"] {
        let error = written(&ServerSettings { listen: listen.to_owned(), ..settings() }, &["a"]);
        assert!(matches!(error, Err(NetError::NeedsTls { .. })), "{listen}");
    }
    for listen in ["", ":4222", "127.0.0.1", "127.0.0.1:99999"] {
        let error = written(&ServerSettings { listen: listen.to_owned(), ..settings() }, &["a"]);
        assert!(matches!(error, Err(NetError::Setting { setting: "listen", .. })), "{listen}");
    }
    assert!(matches!(written(&settings(), &["a", "a"]), Err(NetError::Name { .. })));
    assert!(written(&ServerSettings { name: "x\"\njetstream".to_owned(), ..settings() }, &["a"]).is_err());
    assert!(written(&ServerSettings { max_payload: 100, ..settings() }, &["a"]).is_err());
    assert!(written(&ServerSettings { pinned: vec!["x".to_owned()], ..settings() }, &["a"]).is_err());
    let quoted = ServerSettings { store_dir: "C:\\nats \"store\"".into(), ..settings() };
    assert!(written(&quoted, &["a"]).unwrap().contains("store_dir: \"C:\\\\nats \\\"store\\\"\""));
    let tls = TlsFiles { authority: "a.crt".into(), certificate: "s.crt".into(), key: "s.key".into() };
    let text =
        written(&ServerSettings { listen: "0.0.0.0:4222".to_owned(), tls: Some(tls), ..settings() }, &["a"]).unwrap();
    assert!(text.contains("verify_and_map: true") && !text.contains("password"), "{text}");
}
