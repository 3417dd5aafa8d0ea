//! `docs/messages.md` says what the source says: the lists, the sizes, the examples.
//!
//! `UPDATE_EXPECTED=1 cargo test -p covolt-wire` writes the printed parts of the document again.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::by_hand::{self, Dump};
use common::{ABSENCES, CERTAINTIES, KINDS, LONGEST_HEADER, envelope, longest};
use covolt_wire::disclosure::{
    ABSENCE, CERTAINTY, Choice, DOWN, HEADER, Listing, STRUCTURES, UP, of_absence, of_certainty, of_down, of_up,
};
use covolt_wire::{
    BoundaryPoint, DispatchAnswer, Down, Envelope, Header, PriceOfPower, Shape, Up, WireError, decode_down, decode_up,
    encode_down, encode_up,
};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

/// What the document holds between the two comments of this name; or, if asked for, is written there.
fn compare(part: &str, expected: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/messages.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {part}:begin -->\n"), format!("<!-- {part}:end -->"));
    let (before, rest) = document.split_once(&begin).unwrap();
    let (found, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).unwrap();
    } else {
        assert!(found == expected, "docs/messages.md, {part}, should read\n{expected}");
    }
}

fn print(text: &mut String, tag: Option<usize>, listing: &Listing) {
    let Listing { name, when, fields } = listing;
    let tag = tag.map_or(String::new(), |tag| format!(" (kind {tag})"));
    writeln!(text, "**{name}**{tag}: {when}.\n").unwrap();
    if fields.is_empty() {
        text.push_str("No fields.\n\n");
        return;
    }
    text.push_str(
        "| field | encoding | entries | bytes | unit | what it is | what it tells |\n|---|---|---|---|---|---|---|\n",
    );
    for f in *fields {
        let cells = [f.name, f.encoding, f.numbers, f.bytes, f.unit, f.what, f.tells];
        assert!(cells.iter().all(|cell| !cell.is_empty() && !cell.contains('|')), "{name}.{}", f.name);
        let name = if f.name == "0" { "(its value)".to_owned() } else { format!("`{}`", f.name) };
        writeln!(text, "| {name} | {} |", cells[1..].join(" | ")).unwrap();
    }
    text.push('\n');
}

fn print_choices(text: &mut String, name: &str, choices: &[Choice]) {
    writeln!(text, "**{name}**: one byte.\n\n| byte | value | what it says |\n|---|---|---|").unwrap();
    for (byte, choice) in choices.iter().enumerate() {
        writeln!(text, "| {byte} | `{}` | {} |", choice.name, choice.what).unwrap();
    }
    text.push('\n');
}

const SHAPE: Shape = Shape { steps: 4, most_windows: 8, most_rows: 300 };

#[test]
fn law_documented_messages_are_all_messages() {
    // Every kind has the list at the place of its byte, and there is no kind behind the last list.
    assert_eq!((DOWN.len(), UP.len()), KINDS);
    let (down, up) = longest(SHAPE);
    for (tag, body) in down.iter().enumerate() {
        assert_eq!((of_down(body), of_down(body).name), (&DOWN[tag], body.kind()));
        let bytes = encode_down(&envelope(LONGEST_HEADER, body.clone()), &SHAPE).unwrap();
        assert_eq!(usize::from(bytes[35]), tag);
    }
    for (tag, body) in up.iter().enumerate() {
        assert_eq!((of_up(body), of_up(body).name), (&UP[tag], body.kind()));
        let bytes = encode_up(&envelope(LONGEST_HEADER, body.clone()), &SHAPE).unwrap();
        assert_eq!(usize::from(bytes[35]), tag);
    }
    assert_eq!((down.len(), up.len()), KINDS);
    let unknown = |tag: usize| {
        let mut dump = Dump::header(&LONGEST_HEADER);
        dump.kind(tag as u8, "unknown");
        let bytes = dump.bytes();
        (decode_down(&bytes, &SHAPE).err(), decode_up(&bytes, &SHAPE).err())
    };
    // A kind that is known would end early or be a message.
    let never = unknown(127);
    assert!(matches!(never, (Some(WireError::Malformed { .. }), Some(WireError::Malformed { .. }))));
    assert_ne!(unknown(DOWN.len() - 2).0, never.0);
    assert_eq!(unknown(DOWN.len()).0, never.0);
    assert_ne!(unknown(UP.len() - 1).1, never.1);
    assert_eq!(unknown(UP.len()).1, never.1);

    for (k, certainty) in CERTAINTIES.into_iter().enumerate() {
        assert_eq!(of_certainty(certainty), &CERTAINTY[k]);
        assert_eq!(CERTAINTY[k].name, format!("{certainty:?}"));
    }
    for (k, absence) in ABSENCES.into_iter().enumerate() {
        assert_eq!(of_absence(absence), &ABSENCE[k]);
        assert_eq!(ABSENCE[k].name, format!("{absence:?}"));
    }
    assert_eq!((CERTAINTIES.len(), ABSENCES.len()), (CERTAINTY.len(), ABSENCE.len()));

    let mut text = String::new();
    print(&mut text, None, &HEADER);
    text.push_str("### From the operator to an agent\n\n");
    DOWN.iter().enumerate().for_each(|(tag, listing)| print(&mut text, Some(tag), listing));
    text.push_str("### From an agent to the operator\n\n");
    UP.iter().enumerate().for_each(|(tag, listing)| print(&mut text, Some(tag), listing));
    text.push_str("### Within messages\n\n");
    STRUCTURES.iter().for_each(|listing| print(&mut text, None, listing));
    print_choices(&mut text, "Certainty", &CERTAINTY);
    print_choices(&mut text, "Absence", &ABSENCE);
    compare("lists", &text);
}

#[test]
fn law_fields_stand_in_the_order_of_their_bytes() {
    // The bytes written by hand, piece by piece, name the same fields in the same order.
    let names = |dump: &Dump| {
        let field = |(what, _): &(String, Vec<u8>)| what.split([':', '[']).next().unwrap().to_owned();
        let mut names: Vec<String> = dump.pieces.iter().skip(6).map(field).collect();
        names.dedup();
        names
    };
    let (down, up) = longest(SHAPE);
    for body in down {
        let listed: Vec<&str> = of_down(&body).fields.iter().map(|f| f.name).collect();
        assert_eq!(names(&by_hand::down(&envelope(LONGEST_HEADER, body))), listed);
    }
    for body in up.into_iter().filter(|body| !matches!(body, Up::Absent(_))) {
        let listed: Vec<&str> = of_up(&body).fields.iter().map(|f| f.name).collect();
        assert_eq!(names(&by_hand::up(&envelope(LONGEST_HEADER, body))), listed);
    }
}

#[test]
fn ref_documented_sizes() {
    let shapes = [(4, 8, 300), (4, 200, 10_000), (24, 32, 4000), (96, 1, 1)];
    let shapes = shapes.map(|(steps, most_windows, most_rows)| Shape { steps, most_windows, most_rows });
    let mut text = "| longest message, bytes |".to_owned();
    for Shape { steps, most_windows, most_rows } in shapes {
        write!(text, " {steps} steps, {most_windows} windows, {most_rows} rows |").unwrap();
    }
    writeln!(text, "\n|---|{}", "---:|".repeat(shapes.len())).unwrap();
    let down = |shape: Shape| -> Vec<(&str, usize)> {
        let length = |body: Down| (body.kind(), encode_down(&envelope(LONGEST_HEADER, body), &shape).unwrap().len());
        longest(shape).0.into_iter().map(length).collect()
    };
    let up = |shape: Shape| -> Vec<(&str, usize)> {
        let length = |body: Up| (body.kind(), encode_up(&envelope(LONGEST_HEADER, body), &shape).unwrap().len());
        longest(shape).1.into_iter().map(length).collect()
    };
    let columns = shapes.map(|shape| [down(shape), up(shape)].concat());
    for (row, (kind, _)) in columns[0].iter().enumerate() {
        let cells: Vec<String> = columns.iter().map(|column| column[row].1.to_string()).collect();
        writeln!(text, "| {kind} | {} |", cells.join(" | ")).unwrap();
    }
    let limits: Vec<String> = shapes.iter().map(|shape| shape.size_limit().to_string()).collect();
    writeln!(text, "| *limit* | {} |", limits.join(" | ")).unwrap();
    compare("sizes", &text);
}

/// The bytes in a dump's text: two digits each, in the columns between offset and meaning.
fn bytes_of(text: &str) -> Vec<u8> {
    let hex = text.lines().filter(|line| line.len() > 53).flat_map(|line| line[6..53].split_whitespace());
    hex.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn ref_documented_hex_dump() {
    let header = Header {
        fingerprint: *b"\x9f\x86\xd0\x81\x88\x4c\x7d\x65\x9a\x2f\xea\xa0\xc5\x5a\xd0\x15",
        run: 300,
        round: 2,
        exchange: 1,
    };
    let shape = Shape { steps: 1, most_windows: 1, most_rows: 1 };
    let ask = Down::Ask {
        row: 17_500,
        v_pu: vec![1.02],
        prices: vec![PriceOfPower { p_per_kw: 0.5, q_per_kvar: -0.25 }],
        hold: false,
        with_response: false,
    };
    let ask: Envelope<Down> = envelope(header, ask);
    let point = BoundaryPoint { p_kw: 52.5, q_kvar: -4.0, dp_dv: 10.0, dq_dv: 2.0, slope: 0.0 };
    let answer =
        DispatchAnswer { row: 17_500, points: vec![point], excess: vec![0.0], response: Vec::new(), safe: true };
    let answer: Envelope<Up> = envelope(header, Up::Dispatch(Box::new(answer)));
    let (down, up) = (by_hand::down(&ask).text(), by_hand::up(&answer).text());
    let (down_bytes, up_bytes) = (encode_down(&ask, &shape).unwrap(), encode_up(&answer, &shape).unwrap());
    // What a reader of the document would type in.
    assert_eq!((bytes_of(&down), bytes_of(&up)), (down_bytes.clone(), up_bytes.clone()));
    assert_eq!(decode_down(&bytes_of(&down), &shape).unwrap(), ask);
    assert_eq!(decode_up(&bytes_of(&up), &shape).unwrap(), answer);
    let text = format!(
        "An `ask`, {} bytes:\n\n```text\n{down}```\n\nThe answer, a `dispatch`, {} bytes:\n\n```text\n{up}```\n",
        down_bytes.len(),
        up_bytes.len()
    );
    compare("examples", &text);
}
