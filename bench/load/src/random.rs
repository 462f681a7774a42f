//! Random gaps, the same in every run: what is compared shall have had the same load.

/// `SplitMix64`, of Steele, Lea and Flood.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A gap between two arrivals that know nothing of each other: 1 on average.
    pub(crate) fn exponential(&mut self) -> f64 {
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        -(1.0 - uniform).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_exponential() {
        let mut random = Random(0);
        let gaps: Vec<f64> = (0..100_000).map(|_| random.exponential()).collect();
        let share = |limit: f64| gaps.iter().filter(|gap| **gap > limit).count() as f64 / gaps.len() as f64;
        assert!((gaps.iter().sum::<f64>() / gaps.len() as f64 - 1.0).abs() < 0.02);
        assert!((share(1.0) - (-1.0_f64).exp()).abs() < 0.01 && (share(3.0) - (-3.0_f64).exp()).abs() < 0.01);
    }
}
