//! What the durable streams hold for a participant since its checkpoint.

use super::machine::Machine;
use crate::exit::CliError;
use covolt_net::{Link, Participant, Since};
use covolt_parties::Party;
use covolt_wire::Shape;

/// Messages per participant read at first; four times as many wherever they do not reach back far enough.
const FIRST: u64 = 256;

/// Messages of this run from its open round on, in the order of each sender.
pub fn since_checkpoint(
    machine: &impl Machine,
    link: &Link,
    partners: &[(Party, Participant)],
    shape: &Shape,
) -> Result<Vec<(Party, Vec<u8>)>, CliError> {
    let (Some(run), round) = machine.standing() else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (party, participant) in partners {
        let (mut count, mut oldest) = (FIRST, None);
        loop {
            let kept = link.kept(participant, Since::Latest(count))?;
            let headers: Vec<_> = kept.iter().map(|message| machine.header_of(&message.bytes, shape)).collect();
            let reaches_back = headers.iter().flatten().any(|header| header.run != run || header.round < round);
            let first = kept.first().map(|message| message.sequence);
            // Reading more brought nothing older: this is all there is.
            if reaches_back || first.is_none() || first == oldest {
                let own = kept.iter().zip(&headers).filter(|(_, header)| {
                    header.as_ref().is_some_and(|header| header.run == run && header.round >= round)
                });
                all.extend(own.map(|(message, _)| (*party, message.bytes.to_vec())));
                break;
            }
            (count, oldest) = (count.saturating_mul(4), first);
        }
    }
    Ok(all)
}
