//! `covolt audit`: what operator and agents sent in a run, kind by kind, and what each kind holds.

use crate::cli::AuditArgs;
use crate::exit::CliError;
use crate::output::Output;
use crate::participants::sent::{Role, Sent, read_all, total};
use covolt_wire::disclosure::{DOWN, Field, HEADER, Listing, STRUCTURES, UP};
use serde_json::{Value, json};

/// Runs the command.
pub fn run(args: &AuditArgs, out: &mut Output) -> Result<(), CliError> {
    let all = read_all(&args.run)?;
    if out.is_json() {
        let participants: Vec<Value> = all.iter().map(participant).collect();
        let structures: Vec<Value> = STRUCTURES.iter().map(|s| listing(s, s.name)).collect();
        return out.json(&json!({
            "run": args.run,
            "participants": participants,
            "header": listing(&HEADER, HEADER.name),
            "structures": structures,
        }));
    }
    let header = ["participant", "kind", "messages", "bytes", "longest"];
    let mut rows = Vec::new();
    for sent in &all {
        for (kind, line) in sent.tally.lines() {
            let numbers = [line.messages, line.bytes, line.longest].map(|n| n.to_string());
            rows.push([sent.participant.clone(), kind.to_owned()].into_iter().chain(numbers).collect());
        }
        let (messages, bytes) = total(&sent.tally);
        let name = format!("{}, all", sent.participant);
        rows.push(vec![name, String::new(), messages.to_string(), bytes.to_string(), String::new()]);
    }
    out.table(&header, &rows)?;
    for sent in all.iter().filter(|sent| sent.kills > 0) {
        out.line(format!(
            "{} was killed {} time(s): what it sent between a checkpoint and a kill is not counted",
            sent.participant, sent.kills
        ))?;
    }
    for role in [Role::Operator, Role::Agent] {
        let who = if role == Role::Operator { "The operator" } else { "An agent" };
        for kind in kinds(&all, role) {
            match listing_of(role, &kind) {
                Some(list) => {
                    out.line(format!("\n{who}, {kind} ({}):", list.when))?;
                    if list.fields.is_empty() {
                        out.line("  no fields")?;
                    }
                    list.fields.iter().try_for_each(|field| out.line(line(field)))?;
                }
                None => out.line(format!("\n{who}, {kind}: this version knows no such kind"))?,
            }
        }
    }
    for list in &STRUCTURES {
        out.line(format!("\n{} ({}):", list.name, list.when))?;
        list.fields.iter().try_for_each(|field| out.line(line(field)))?;
    }
    out.line("\nEvery message also carries: the cut of the case, the number of the run, round and exchange. All of it: docs/messages.md")
}

fn line(field: &Field) -> String {
    let unit = if ["-", "see there"].contains(&field.unit) { String::new() } else { format!(", {}", field.unit) };
    format!(
        "  {} ({}{unit}): {}; it tells: {}",
        field.name,
        field.encoding.replace('`', ""),
        field.what,
        field.tells.replace('`', "")
    )
}

fn kinds(all: &[Sent], role: Role) -> Vec<String> {
    let of_role = all.iter().filter(|sent| sent.role == role);
    let mut kinds: Vec<String> =
        of_role.flat_map(|sent| sent.tally.lines().map(|(kind, _)| kind.to_owned()).collect::<Vec<_>>()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn listing_of(role: Role, kind: &str) -> Option<&'static Listing> {
    let lists: &'static [Listing] = if role == Role::Operator { &DOWN } else { &UP };
    lists.iter().find(|list| list.name == kind)
}

fn participant(sent: &Sent) -> Value {
    let (messages, bytes) = total(&sent.tally);
    let kind = |(kind, line): (&str, covolt_wire::TallyLine)| {
        let mut value = listing_of(sent.role, kind).map_or_else(|| json!({ "kind": kind }), |list| listing(list, kind));
        value["messages"] = json!(line.messages);
        value["bytes"] = json!(line.bytes);
        value["longest"] = json!(line.longest);
        value
    };
    json!({
        "participant": sent.participant,
        "role": sent.role,
        "messages": messages,
        "bytes": bytes,
        "kills": sent.kills,
        "kinds": sent.tally.lines().map(kind).collect::<Vec<_>>(),
    })
}

fn listing(list: &Listing, name: &str) -> Value {
    let field = |f: &Field| {
        json!({
            "field": f.name, "encoding": f.encoding, "entries": f.numbers, "bytes": f.bytes, "unit": f.unit,
            "what": f.what, "tells": f.tells,
        })
    };
    json!({ "kind": name, "when": list.when, "fields": list.fields.iter().map(field).collect::<Vec<_>>() })
}
