//! Quantities: `0.5` and `500m` are the same, and the API server gives back its own spelling of what it was given.
//!
//! Source: `k8s.io/apimachinery/pkg/api/resource/quantity.go`.

/// Whether two texts are spellings of the same quantity. Texts that are no quantities are the same to nothing.
pub fn are_equal(left: &str, right: &str) -> bool {
    Quantity::read(left).is_some_and(|left| Some(left) == Quantity::read(right))
}

/// `mantissa · 2^twos · 5^fives`, the mantissa free of both factors: there is one such form for each number.
#[derive(Debug, PartialEq, Eq)]
struct Quantity {
    mantissa: i128,
    twos: i64,
    fives: i64,
}

impl Quantity {
    fn read(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || fraction.len() + whole.len() == 0 {
            return None;
        }
        let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
        let (twos, tens) = scale(suffix)?;
        let tens = tens - i64::try_from(fraction.len()).ok()?;
        Some(Self { mantissa, twos: twos + tens, fives: tens }.reduced())
    }

    fn reduced(mut self) -> Self {
        if self.mantissa == 0 {
            return Self { mantissa: 0, twos: 0, fives: 0 };
        }
        while self.mantissa % 2 == 0 {
            self.mantissa /= 2;
            self.twos += 1;
        }
        while self.mantissa % 5 == 0 {
            self.mantissa /= 5;
            self.fives += 1;
        }
        self
    }
}

/// The powers of two and of ten that a suffix stands for.
fn scale(suffix: &str) -> Option<(i64, i64)> {
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    const DECIMAL: [(&str, i64); 10] =
        [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
    if let Some(at) = BINARY.iter().position(|binary| *binary == suffix) {
        return Some((10 * (i64::try_from(at).ok()? + 1), 0));
    }
    if let Some((_, tens)) = DECIMAL.iter().find(|(decimal, _)| *decimal == suffix) {
        return Some((0, *tens));
    }
    let exponent: i16 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((0, exponent.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_quantity_are_equal() {
        for (left, right) in [
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("0.5Gi", "512Mi"),
            ("2", "2"),
            ("+2", "2000m"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("1E", "1000P"),
            (".5", "0.50"),
            ("5.", "5"),
            ("0", "0Gi"),
            ("0.1k", "100"),
            ("-1", "-1000m"),
        ] {
            assert!(are_equal(left, right) && are_equal(right, left), "{left} {right}");
        }
    }

    #[test]
    fn different_quantities_and_other_texts_are_not() {
        for (left, right) in [
            ("1G", "1Gi"),
            ("1m", "1M"),
            ("1", "-1"),
            ("10", "100"),
            ("", ""),
            ("web", "web"),
            ("Gi", "Gi"),
            ("1.2.3", "1.2.3"),
            ("1e99999", "1e99999"),
        ] {
            assert!(!are_equal(left, right), "{left} {right}");
        }
    }
}
