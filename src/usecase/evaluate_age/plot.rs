//! Plots as SVG: ROC of seniors, and error over net speech.

use super::figures::Figure;

/// Side of the plotting area and its margin, in pixels.
const SIZE: f64 = 420.0;
const MARGIN: f64 = 64.0;
/// Colors that stay apart for color-blind readers (Okabe and Ito).
const COLORS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
/// Half width of the end of a whisker, in pixels.
const WHISKER: f64 = 4.0;

/// A named curve: points by rising x.
pub struct Curve<T> {
    /// As the legend says it.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, T)>,
}

struct Axis {
    from: f64,
    to: f64,
    log: bool,
}

impl Axis {
    fn share(&self, value: f64) -> f64 {
        let scale = |x: f64| if self.log { x.ln() } else { x };
        (scale(value) - scale(self.from)) / (scale(self.to) - scale(self.from))
    }
    fn x(&self, value: f64) -> f64 {
        MARGIN + SIZE * self.share(value)
    }
    fn y(&self, value: f64) -> f64 {
        MARGIN + SIZE * (1.0 - self.share(value))
    }
}

/// ROC of seniors: recall over the share of others that get priority. Curves without points are left out.
pub fn roc(title: &str, curves: &[Curve<f64>]) -> String {
    let axis = Axis { from: 0.0, to: 1.0, log: false };
    let ticks: Vec<f64> = (0..=5).map(|i| f64::from(i) / 5.0).collect();
    let labels = ["False priority", "Recall of seniors"];
    let mut svg = frame(title, [&axis, &axis], [&ticks, &ticks], labels);
    for (i, curve) in curves.iter().filter(|c| !c.points.is_empty()).enumerate() {
        svg += &line(i, curve.points.iter().map(|(x, y)| (axis.x(*x), axis.y(*y))));
        svg += &legend(i, &curve.name, SIZE - 40.0);
    }
    svg + "</svg>\n"
}

/// Mean absolute error over net speech, with 95 % intervals.
pub fn mae(title: &str, curves: &[Curve<Figure>]) -> String {
    let high = |f: &Figure| f.interval.map_or(f.value, |i| i.high);
    let all = || curves.iter().flat_map(|c| &c.points);
    let top = all().map(|(_, f)| high(f)).fold(5.0, f64::max).ceil();
    let seconds: Vec<f64> = super::plan::CURVE_S.iter().map(|s| f64::from(*s)).collect();
    let x = Axis { from: 0.8, to: 12.0, log: true };
    let y = Axis { from: 0.0, to: top, log: false };
    let step = (top / 6.0).ceil();
    let ticks: Vec<f64> = (0..).map(|i| f64::from(i) * step).take_while(|t| *t <= top).collect();
    let labels = ["Net speech (s)", "Mean absolute error (years)"];
    let mut svg = frame(title, [&x, &y], [&seconds, &ticks], labels);
    for (i, curve) in curves.iter().filter(|c| !c.points.is_empty()).enumerate() {
        svg += &line(i, curve.points.iter().map(|(s, f)| (x.x(*s), y.y(f.value))));
        for (s, figure) in &curve.points {
            if let Some(interval) = figure.interval {
                // Side by side, so that whiskers of several curves can be told apart.
                let at = x.x(*s) + 3.0 * i as f64;
                let (low, high) = (y.y(interval.low), y.y(interval.high));
                svg += &format!(
                    "<path d=\"M{:.1} {low:.1}H{:.1}M{at:.1} {low:.1}V{high:.1}M{:.1} {high:.1}H{:.1}\" \
                     stroke=\"{}\"/>\n",
                    at - WHISKER,
                    at + WHISKER,
                    at - WHISKER,
                    at + WHISKER,
                    color(i)
                );
            }
        }
        svg += &legend(i, &curve.name, 18.0);
    }
    svg + "</svg>\n"
}

fn line(i: usize, points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let command = if path.is_empty() { 'M' } else { 'L' };
        path += &format!("{command}{x:.1} {y:.1}");
    }
    format!("<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", color(i))
}

fn color(i: usize) -> &'static str {
    COLORS[i % COLORS.len()]
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn legend(i: usize, name: &str, from: f64) -> String {
    let y = MARGIN + from + 18.0 * i as f64;
    let x = MARGIN + SIZE - 168.0;
    format!(
        "<rect x=\"{x}\" y=\"{}\" width=\"18\" height=\"4\" fill=\"{}\"/>\n\
         <text x=\"{}\" y=\"{y}\">{}</text>\n",
        y - 6.0,
        color(i),
        x + 24.0,
        escape(name)
    )
}

fn frame(title: &str, axes: [&Axis; 2], ticks: [&[f64]; 2], labels: [&str; 2]) -> String {
    let whole = SIZE + 2.0 * MARGIN;
    let (middle, end) = (whole / 2.0, MARGIN + SIZE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"{whole}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{whole}\" height=\"{whole}\" fill=\"white\"/>\n\
         <text x=\"{middle}\" y=\"34\" text-anchor=\"middle\" font-size=\"15\">{}</text>\n",
        escape(title)
    );
    for value in ticks[0] {
        let x = axes[0].x(*value);
        svg += &format!(
            "<path d=\"M{x:.1} {MARGIN}V{end}\" stroke=\"#ddd\"/>\n\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>\n",
            end + 18.0
        );
    }
    for value in ticks[1] {
        let y = axes[1].y(*value);
        svg += &format!(
            "<path d=\"M{MARGIN} {y:.1}H{end}\" stroke=\"#ddd\"/>\n\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>\n",
            MARGIN - 6.0,
            y + 4.0
        );
    }
    svg + &format!(
        "<rect x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{SIZE}\" height=\"{SIZE}\" fill=\"none\" \
         stroke=\"black\"/>\n\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
         <text x=\"18\" y=\"{middle}\" text-anchor=\"middle\" \
         transform=\"rotate(-90 18 {middle})\">{}</text>\n",
        end + 42.0,
        labels[0],
        labels[1]
    )
}
