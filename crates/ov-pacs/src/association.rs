//! A conversation with an application entity, in which objects are given (PS3.8, PS3.7 section 9.1.1).

use std::io::Read;
use std::net::TcpStream;

use dicom_ul::association::Error;
use dicom_ul::association::client::{ClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};

use crate::address::Peer;
use crate::command;
use crate::effort::Effort;
use crate::error::PacsError;
use crate::object::Opened;
use crate::status::Status;
use crate::trouble::{Refusal, Trouble};

/// One conversation has room for so many kinds of objects (PS3.8 section 9.3.2.2: odd numbers of a
/// byte).
pub(crate) const CONTEXTS_MAX: usize = 128;
/// Longest piece of an object that is sent at once, in bytes.
const FRAGMENT_MAX: u32 = 64 << 10;
/// What stands before a piece in its PDU: a length, a context, a control header.
const FRAGMENT_HEADER: u32 = 6;
/// A command set is at most so long, in bytes.
const COMMAND_MAX: usize = 64 << 10;

/// A kind of object: SOP class and transfer syntax.
pub(crate) type Sort = (String, String);

/// A conversation.
pub(crate) struct Association {
    line: ClientAssociation<TcpStream>,
    fragment: usize,
    messages: u16,
}

impl Association {
    /// Begins one, for objects of these kinds. `Ok(None)`: the other side takes none of them.
    pub fn open(peer: &Peer, sorts: &[Sort], effort: &Effort) -> Result<Option<Self>, PacsError> {
        let mut options = ClientAssociationOptions::new()
            .calling_ae_title(peer.calling.as_str())
            .called_ae_title(peer.called.as_str())
            .connection_timeout(effort.patience)
            .read_timeout(effort.patience)
            .write_timeout(effort.patience);
        for (class, syntax) in sorts {
            // One syntax for each: nobody is asked to choose, and nothing is rewritten.
            options = options.with_presentation_context(class.as_str(), vec![syntax.as_str()]);
        }
        let line = match options.establish((peer.host.as_str(), peer.port)) {
            Ok(line) => line,
            Err(Error::NoAcceptedPresentationContexts { .. }) => return Ok(None),
            Err(error) => return Err(refused(&error)),
        };
        let fragment = fragment(line.acceptor_max_pdu_length())?;
        let mut association = Self {
            line,
            fragment,
            messages: 0,
        };
        // Small pieces wait for no answer. Without it, it is slower.
        let _ = association.line.inner_stream().set_nodelay(true);
        Ok(Some(association))
    }

    /// Gives an object. After trouble other than a status, the conversation is over.
    pub fn store(
        &mut self,
        sort: &Sort,
        instance: &str,
        file: Opened<'_>,
    ) -> Result<Status, Trouble> {
        let context = self.context(sort)?;
        self.messages = self.messages.wrapping_add(1).max(1);
        let set = command::request(self.messages, &sort.0, instance);
        self.put(PDataValue {
            presentation_context_id: context,
            value_type: PDataValueType::Command,
            is_last: true,
            data: set,
        })?;
        let mut head = file.head;
        let data_set = head.split_off(file.opening.data_set.min(head.len()));
        let mut content = std::io::Cursor::new(data_set).chain(file.rest);
        self.stream(context, &mut content)?;
        let said = self.hear()?;
        command::answer(&said, self.messages).ok_or_else(|| passing("its answer is none"))
    }

    /// Ends it as one ends a conversation. What was stored stays stored, whatever becomes of that.
    pub fn close(self) {
        let _ = self.line.release();
    }

    /// Ends it in the middle of an object, so that the other side keeps no part.
    pub fn abort(self) {
        let _ = self.line.abort();
    }

    fn context(&self, sort: &Sort) -> Result<u8, Refusal> {
        let (class, syntax) = sort;
        let mut contexts = self.line.presentation_contexts().iter();
        let found = contexts.find(|context| {
            trimmed(&context.abstract_syntax) == class
                && trimmed(&context.transfer_syntax) == syntax
        });
        found
            .map(|context| context.id)
            .ok_or_else(|| Refusal::Syntax {
                class: class.clone(),
                syntax: syntax.clone(),
            })
    }

    /// Sends a data set in pieces of even length. The last one is marked only when the end of the
    /// file was seen.
    fn stream(&mut self, context: u8, content: &mut dyn Read) -> Result<(), Trouble> {
        let mut now = self.piece(content)?;
        loop {
            let next = self.piece(content)?;
            let is_last = next.is_empty();
            self.put(PDataValue {
                presentation_context_id: context,
                value_type: PDataValueType::Data,
                is_last,
                data: now,
            })?;
            if is_last {
                return Ok(());
            }
            now = next;
        }
    }

    fn piece(&self, content: &mut dyn Read) -> Result<Vec<u8>, Trouble> {
        let mut piece = Vec::with_capacity(self.fragment);
        let limit = u64::try_from(self.fragment).unwrap_or(u64::MAX);
        let read = content.take(limit).read_to_end(&mut piece);
        read.map_err(Trouble::Content)?;
        Ok(piece)
    }

    fn put(&mut self, piece: PDataValue) -> Result<(), Trouble> {
        let sent = self.line.send(&Pdu::PData { data: vec![piece] });
        sent.map_err(|error| passing(&cause(&error)))
    }

    /// The next command set.
    fn hear(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut set = Vec::new();
        loop {
            let pdu = self
                .line
                .receive()
                .map_err(|error| passing(&cause(&error)))?;
            let Pdu::PData { data } = pdu else {
                return Err(passing("it was ended by the other side"));
            };
            for value in data {
                if value.value_type != PDataValueType::Command
                    || set.len().saturating_add(value.data.len()) > COMMAND_MAX
                {
                    return Err(passing("its answer is none"));
                }
                set.extend_from_slice(&value.data);
                if value.is_last {
                    return Ok(set);
                }
            }
        }
    }
}

fn passing(why: &str) -> Trouble {
    Trouble::Passing(Refusal::Broken(why.to_owned()))
}

/// Identifiers come filled up with NUL or spaces.
fn trimmed(uid: &str) -> &str {
    uid.trim_end_matches(['\0', ' '])
}

/// How long a piece may be, and even (PS3.8 annex E.2), where the other side reads PDUs up to
/// `longest` bytes.
fn fragment(longest: u32) -> Result<usize, PacsError> {
    let room = longest.saturating_sub(FRAGMENT_HEADER).min(FRAGMENT_MAX) & !1;
    match usize::try_from(room) {
        Ok(room @ 2..) => Ok(room),
        _ => Err(PacsError::Rejected("it has no room for an object".into())),
    }
}

fn refused(error: &Error) -> PacsError {
    match error {
        Error::Rejected { association_rj, .. } => {
            PacsError::Rejected(association_rj.source.to_string())
        }
        Error::Connect { .. }
        | Error::ToAddress { .. }
        | Error::Timeout { .. }
        | Error::WireSend { .. }
        | Error::WireRead { .. }
        | Error::ReceivePdu { .. }
        | Error::ConnectionClosed { .. }
        | Error::Aborted { .. } => PacsError::NoAnswer(cause(error)),
        _ => PacsError::Rejected(cause(error)),
    }
}

/// What lies at the bottom of an error, without what was sent or heard.
fn cause(error: &Error) -> String {
    match error {
        Error::UnexpectedPdu { .. } | Error::UnknownPdu { .. } => {
            return "it speaks otherwise than the standard says".to_owned();
        }
        _ => {}
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_even_and_fit_the_other_sides_room() {
        assert_eq!(fragment(16384).unwrap(), 16378);
        assert_eq!(fragment(16383).unwrap(), 16376);
        assert_eq!(fragment(u32::MAX).unwrap(), 64 << 10);
        assert!(fragment(7).is_err() && fragment(0).is_err());
    }
}
