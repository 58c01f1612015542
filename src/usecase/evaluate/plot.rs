//! DET and reliability plots as SVG.

use crate::scoring::metrics::{Curve, Trial, probit};

/// Side of the plotting area and its margin, in pixels.
const SIZE: f64 = 420.0;
const MARGIN: f64 = 64.0;

/// Ticks of DET axes, in percent.
const DET_TICKS: [f64; 11] = [0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0];

/// Ends of the DET axes, in percent.
const DET_RANGE: [f64; 2] = [0.05, 60.0];

/// Ends of the reliability axes, natural-log likelihood ratio.
const LLR_RANGE: [f64; 2] = [-10.0, 10.0];

/// Trials of either kind that a bin of the reliability plot needs at least.
const MIN_IN_BIN: usize = 3;

/// Colors that stay apart for color-blind readers (Okabe and Ito).
const COLORS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// A named set of trials.
pub struct Series<'a> {
    /// As the legend says it.
    pub name: String,
    /// Its trials.
    pub trials: &'a [Trial],
    /// Number of its color.
    pub color: usize,
    /// Whether its line is dashed.
    pub dashed: bool,
}

/// Maps a value on an axis to pixels.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn share(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(-0.02, 1.02)
    }
    fn x(&self, value: f64) -> f64 {
        MARGIN + SIZE * self.share(value)
    }
    fn y(&self, value: f64) -> f64 {
        MARGIN + SIZE * (1.0 - self.share(value))
    }
}

/// DET plot (Martin et al., Eurospeech 1997): false match and false non-match rate on normal-deviate
/// axes. Series without both kinds of trials are left out.
pub fn det(title: &str, series: &[Series<'_>]) -> String {
    let deviate = |percent: f64| probit(percent / 100.0);
    let axis = Axis { from: deviate(DET_RANGE[0]), to: deviate(DET_RANGE[1]) };
    let within = DET_TICKS.iter().filter(|t| (DET_RANGE[0]..=DET_RANGE[1]).contains(*t));
    let ticks: Vec<(f64, String)> = within.map(|t| (deviate(*t), t.to_string())).collect();
    let labels = ["False match rate (%)", "False non-match rate (%)"];
    let mut svg = frame(title, &axis, &ticks, labels);
    // Where both rates are equal.
    svg += &diagonal();
    for (i, one) in series.iter().enumerate() {
        let Ok(curve) = Curve::new(one.trials) else {
            continue;
        };
        let mut path = String::new();
        for point in curve.points() {
            // Beyond the axes the curve is cut off, not drawn along the border.
            let rates = [point.fmr, point.fnmr].map(|r| deviate(100.0 * r));
            if rates.iter().all(|r| (axis.from..=axis.to).contains(r)) {
                let command = if path.is_empty() { 'M' } else { 'L' };
                path += &format!("{command}{:.1} {:.1}", axis.x(rates[0]), axis.y(rates[1]));
            }
        }
        let dashes = if one.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
        svg += &format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{dashes}/>\n",
            color(one.color)
        );
        svg += &legend(i, one);
    }
    svg + "</svg>\n"
}

/// Reliability plot: stated against observed log-likelihood ratio, in bins of one unit. A calibrated
/// system lies on the diagonal. The area of a dot grows with the logarithm of its trials.
pub fn reliability(title: &str, series: &[Series<'_>]) -> String {
    let axis = Axis { from: LLR_RANGE[0], to: LLR_RANGE[1] };
    let ticks: Vec<(f64, String)> =
        (-5..=5).map(|t| (f64::from(2 * t), (2 * t).to_string())).collect();
    let labels = ["Stated LLR (natural log)", "Observed LLR (natural log)"];
    let mut svg = frame(title, &axis, &ticks, labels);
    svg += &diagonal();
    for (i, one) in series.iter().enumerate() {
        for (stated, observed, count) in bins(one.trials) {
            if (LLR_RANGE[0]..=LLR_RANGE[1]).contains(&observed) {
                svg += &format!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\" fill=\"{}\" \
                     fill-opacity=\"0.75\"/>\n",
                    axis.x(stated),
                    axis.y(observed),
                    2.0 * (count as f64).ln().max(1.0).sqrt(),
                    color(one.color)
                );
            }
        }
        svg += &legend(i, one);
    }
    svg + "</svg>\n"
}

fn diagonal() -> String {
    let end = MARGIN + SIZE;
    format!(
        "<line x1=\"{MARGIN}\" y1=\"{end}\" x2=\"{end}\" y2=\"{MARGIN}\" stroke=\"#888\" \
         stroke-dasharray=\"4 4\"/>\n"
    )
}

/// Mean stated LLR, observed LLR and trials of each bin with enough trials of both kinds.
fn bins(trials: &[Trial]) -> Vec<(f64, f64, usize)> {
    let kinds = [false, true].map(|k| trials.iter().filter(|t| t.target == k).count());
    let mut bins = Vec::new();
    for low in LLR_RANGE[0] as i32..LLR_RANGE[1] as i32 {
        let range = f64::from(low)..f64::from(low + 1);
        let inside: Vec<_> = trials.iter().filter(|t| range.contains(&t.score)).collect();
        let targets = inside.iter().filter(|t| t.target).count();
        let non_targets = inside.len() - targets;
        if targets.min(non_targets) >= MIN_IN_BIN {
            let stated = inside.iter().map(|t| t.score).sum::<f64>() / inside.len() as f64;
            let share = |n: usize, of: usize| n as f64 / of as f64;
            let observed = (share(targets, kinds[1]) / share(non_targets, kinds[0])).ln();
            bins.push((stated, observed, inside.len()));
        }
    }
    bins
}

fn color(i: usize) -> &'static str {
    COLORS[i % COLORS.len()]
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn legend(i: usize, one: &Series<'_>) -> String {
    let y = MARGIN + 18.0 + 18.0 * i as f64;
    let x = MARGIN + SIZE - 168.0;
    let dashes = if one.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    format!(
        "<path d=\"M{x} {0}h18\" stroke=\"{1}\" stroke-width=\"4\"{dashes}/>\n\
         <text x=\"{2}\" y=\"{y}\">{3}</text>\n",
        y - 4.0,
        color(one.color),
        x + 24.0,
        escape(&one.name)
    )
}

fn frame(title: &str, axis: &Axis, ticks: &[(f64, String)], labels: [&str; 2]) -> String {
    let whole = SIZE + 2.0 * MARGIN;
    let middle = whole / 2.0;
    let end = MARGIN + SIZE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"{whole}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{whole}\" height=\"{whole}\" fill=\"white\"/>\n\
         <text x=\"{middle}\" y=\"34\" text-anchor=\"middle\" font-size=\"15\">{}</text>\n",
        escape(title)
    );
    for (value, text) in ticks {
        let (x, y) = (axis.x(*value), axis.y(*value));
        svg += &format!(
            "<path d=\"M{x:.1} {MARGIN}V{end}M{MARGIN} {y:.1}H{end}\" stroke=\"#ddd\"/>\n\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>\n\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>\n",
            end + 18.0,
            MARGIN - 6.0,
            y + 4.0
        );
    }
    svg += &format!(
        "<rect x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{SIZE}\" height=\"{SIZE}\" fill=\"none\" \
         stroke=\"black\"/>\n\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
         <text x=\"18\" y=\"{middle}\" text-anchor=\"middle\" \
         transform=\"rotate(-90 18 {middle})\">{}</text>\n",
        end + 42.0,
        labels[0],
        labels[1]
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussians(d: f64) -> Vec<Trial> {
        let n = 4_000;
        let side = |target: bool| {
            (0..n).map(move |i| Trial {
                score: d * probit((f64::from(i) + 0.5) / f64::from(n))
                    + if target { d * d / 2.0 } else { -d * d / 2.0 },
                target,
                speakers: if target { [0, 0] } else { [0, 1] },
            })
        };
        side(true).chain(side(false)).collect()
    }

    #[test]
    fn calibrated_scores_lie_on_the_diagonal() {
        let bins = bins(&gaussians(2.0));
        assert!(bins.len() >= 8, "{}", bins.len());
        for (stated, observed, count) in bins {
            if count > 200 {
                assert!((stated - observed).abs() < 0.15, "{stated} {observed}");
            }
        }
    }

    #[test]
    fn the_det_curve_of_gaussians_is_straight() {
        let trials = gaussians(2.0);
        let series = [Series { name: "a<b".into(), trials: &trials, color: 0, dashed: true }];
        let svg = det("T", &series);
        assert!(svg.contains("a&lt;b") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("stroke-dasharray=\"6 4\"").count(), 2, "curve and legend");
        // In pixels, probit(FNMR) = -d - probit(FMR): x - y is constant.
        let line = svg.lines().find(|l| l.contains("stroke-width=\"2\"")).unwrap();
        let data = line.split('"').nth(1).unwrap();
        let sums: Vec<f64> = data
            .split(['M', 'L'])
            .filter(|p| !p.is_empty())
            .map(|p| {
                let (x, y) = p.split_once(' ').unwrap();
                x.parse::<f64>().unwrap() - y.parse::<f64>().unwrap()
            })
            .collect();
        let mean = sums.iter().sum::<f64>() / sums.len() as f64;
        assert!(sums.len() > 100);
        assert!(sums.iter().all(|s| (s - mean).abs() < 15.0));
    }

    #[test]
    fn empty_series_draw_only_the_frame() {
        let none = [Series { name: "none".into(), trials: &[], color: 0, dashed: false }];
        assert!(det("", &none).ends_with("</svg>\n"));
        assert!(reliability("", &none).ends_with("</svg>\n"));
    }
}
