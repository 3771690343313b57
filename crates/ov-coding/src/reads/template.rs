//! What the names of reads have in common.

/// Most numbers in a name; what is behind them is text.
pub(super) const COLUMNS_MAX: usize = 16;

const DIGITS_MAX: usize = 9;

/// What the names have in common: texts, with a number between each two.
pub(super) struct Template {
    texts: Vec<Vec<u8>>,
}

impl Template {
    pub(super) fn of(name: &[u8]) -> Self {
        let mut texts = vec![Vec::new()];
        for run in name.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
            match number(run) {
                Some((_, [])) if texts.len() <= COLUMNS_MAX => texts.push(Vec::new()),
                _ => texts
                    .last_mut()
                    .into_iter()
                    .for_each(|text| text.extend_from_slice(run)),
            }
        }
        Self { texts }
    }

    /// How many numbers a name has.
    pub(super) fn numbers(&self) -> usize {
        self.texts.len() - 1
    }

    /// Whether a name has these texts; its numbers.
    pub(super) fn fit(&self, name: &[u8], numbers: &mut [u32; COLUMNS_MAX]) -> bool {
        let mut rest = name;
        for (n, text) in self.texts.iter().enumerate() {
            if let Some(before) = n.checked_sub(1) {
                let Some((value, behind)) = number(rest) else {
                    return false;
                };
                numbers[before] = value;
                rest = behind;
            }
            match rest.strip_prefix(&text[..]) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// Writes the name that has this number of each column. `None` if there is none.
    pub(super) fn write(&self, name: usize, columns: &[Vec<u32>], out: &mut Vec<u8>) -> Option<()> {
        let (first, texts) = self.texts.split_first()?;
        out.extend_from_slice(first);
        for (text, column) in texts.iter().zip(columns) {
            write_number(*column.get(name)?, out);
            out.extend_from_slice(text);
        }
        Some(())
    }
}

/// A number at the start, as it is written from its value alone: no zeros before it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = bytes.split_at(digits);
    let plain = match digits {
        [] => false,
        [_] => true,
        [first, ..] => *first != b'0' && digits.len() <= DIGITS_MAX,
    };
    let add = |value: u32, digit: &u8| value * 10 + u32::from(digit - b'0');
    plain.then(|| (digits.iter().fold(0, add), rest))
}

fn write_number(mut number: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let mut first = digits.len();
    while first == digits.len() || number > 0 {
        first -= 1;
        digits[first] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    out.extend_from_slice(&digits[first..]);
}
