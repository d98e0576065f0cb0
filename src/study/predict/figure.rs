//! Figure of the study of predictions: the distance and the loss gap of networks against the width, and c against time.

use super::quantity::PredictedQuantity;
use super::{NetworkSetting, PredictArrays, PredictRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::study::NamedFigure;
use ndarray::Array1;

/// Colour of predictions.
pub(super) const PREDICTION: Colour = Colour::Series(3);

/// Dash of predictions.
pub(super) const DASH: Dash = Dash::DashDot;
/// Dash of the other prediction of a panel.
const OTHER_DASH: Dash = Dash::DashDotDot;

/// `predict-gap`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = PredictRecord::read(folder)?;
    let arrays = PredictArrays::read(folder)?;
    let figure = PredictFigure { record: &record, arrays: &arrays };
    let mut whole = Figure::double_column();
    whole.panels = vec![figure.function(), figure.loss(), figure.against_time(), figure.added_loss()];
    whole.height_in *= 2.0;
    // The reason in the middle of an empty panel says more.
    whole.panels.iter_mut().filter(|panel| panel.marks.is_empty()).for_each(|panel| panel.notes.clear());
    Ok(vec![("predict-gap".into(), whole)])
}

/// The records from which the panels are drawn.
pub(super) struct PredictFigure<'a> {
    pub record: &'a PredictRecord,
    pub arrays: &'a PredictArrays,
}

impl PredictFigure<'_> {
    fn widths(&self) -> Vec<f64> {
        self.arrays.widths.to_vec()
    }

    fn last(&self) -> usize {
        self.arrays.times.len() - 1
    }

    /// Why a quantity is not predicted, where it is not.
    fn not_predicted(&self, quantity: &str) -> Option<String> {
        let found = self.record.not_predicted.iter().find(|(name, _)| name == quantity);
        found.map(|(_, why)| format!("{quantity} not predicted: {why}"))
    }

    /// A panel without the line of a quantity: it says so beside what else it shows, and why where it shows nothing else.
    fn without_line(mut panel: Panel, quantity: &str, why: String) -> Panel {
        let reasons = panel.empty.take().into_iter().chain([why]).collect::<Vec<_>>();
        panel.if_empty(reasons.join("; ")).note(format!("{quantity} not predicted"))
    }

    /// The predicted line of a quantity against the width, or a note that says why there is none; and the networks, with
    /// two standard errors over seeds. The line is that of networks far below the reference's number of particles.
    fn quantity(&self, panel: Panel, quantity: &str, values: Vec<f64>, style: QuantityStyle) -> Panel {
        let QuantityStyle { line, dash, points, marker, label, logarithmic } = style;
        let mut panel = match self.not_predicted(quantity) {
            None => {
                // Networks that are too narrow are not predicted.
                let least = self.record.least_width_for(quantity);
                let (widths, values) = self.widths().into_iter().zip(values).filter(|(n, _)| *n >= least).unzip();
                panel.with(Mark::line(widths, values, line, dash).label(format!("{label}predicted")))
            }
            Some(why) => Self::without_line(panel, quantity, why),
        };
        if let Some(ratio) = self.record.ratio(quantity).filter(|ratio| !ratio.measured.is_empty()) {
            let ends = ratio.measured.iter().zip(&ratio.errors).map(|(&y, &error)| match logarithmic {
                // The error of the logarithm, so that both ends are positive.
                true => (y * (-2.0 * error / y).exp(), y * (2.0 * error / y).exp()),
                false => (y - 2.0 * error, y + 2.0 * error),
            });
            let mark = Mark::points(ratio.values.clone(), ratio.measured.clone(), points, marker);
            panel = panel.with(mark.error(ends.collect()).label(format!("{label}networks, ± 2 s.e.")));
        }
        panel
    }

    /// The setting of networks of a width; `None` where one of its parts is not predicted.
    fn setting(&self, width: f64) -> Option<NetworkSetting> {
        let known = self.arrays.step.is_some() && self.arrays.draws.is_some();
        let batch = match self.record.trained_batch {
            None => f64::INFINITY,
            Some(size) => self.arrays.batch.as_ref().map(|_| size as f64)?,
        };
        known.then(|| NetworkSetting::new(width, self.record.trained_step, batch))
    }

    /// The mean square distance of the predictions at the end.
    pub(super) fn function(&self) -> Panel {
        let panel =
            Panel::new(Axis::log2("width N").counts(), Axis::log10("E |f_{N} − f_{ρ}|^{2} at T")).title("predictions");
        let (c, second) = (self.arrays.whole.variance[self.last()], self.arrays.whole.variance_second[self.last()]);
        let total = |setting| self.arrays.total(PredictedQuantity::Function, setting);
        let alone = |n: f64| c / n + second / (n * n);
        let values = self.widths().iter().map(|&n| self.setting(n).map_or(alone(n), total)).collect();
        self.quantity(panel, "function", values, QuantityStyle::PLAIN)
    }

    /// The 5 % and 95 % quantiles of the loss gap at the end of networks of some widths.
    fn loss_band(&self, widths: &[f64], first: usize) -> [Vec<f64>; 2] {
        let (last, whole) = (self.last(), &self.arrays.whole);
        let law = |&n: &f64| Some(self.arrays.draws.as_ref()?.loss(self.setting(n)?));
        match widths.iter().map(law).collect::<Option<Vec<_>>>() {
            Some(laws) => [0.05, 0.95].map(|level| laws.iter().map(|law| law.quantile(level)).collect()),
            None => {
                [&whole.gap_low, &whole.gap_high].map(|table| table.column(last).iter().skip(first).copied().collect())
            }
        }
    }

    /// The mean loss gap at the end, with its law.
    pub(super) fn loss(&self) -> Panel {
        let mut panel =
            Panel::new(Axis::log2("width N").counts(), Axis::linear("R(f_{N}) − R(ρ) at T")).title("loss gap");
        let (last, whole) = (self.last(), &self.arrays.whole);
        if self.not_predicted("loss-mean").is_none() {
            let widths = self.widths();
            let first = widths.iter().take_while(|&&n| n < self.record.least_width_of_loss).count();
            let widths = widths[first..].to_vec();
            let [low, high] = self.loss_band(&widths, first);
            let band = Mark::band(widths, low, high, PREDICTION);
            panel = panel.with(band.label("predicted, 5–95 %"));
        }
        let (mean, second) = (whole.gap_mean[last], whole.gap_mean_second[last]);
        let alone = |n: f64| mean / n + second / (n * n);
        let total = |setting| self.arrays.total(PredictedQuantity::LossMean, setting);
        let values = self.widths().iter().map(|&n| self.setting(n).map_or(alone(n), total)).collect();
        self.quantity(panel, "loss-mean", values, QuantityStyle { logarithmic: false, ..QuantityStyle::PLAIN })
    }

    /// c and the bare variance against time, and c' where there are mini-batches.
    pub(super) fn against_time(&self) -> Panel {
        let (times, whole) = (self.arrays.times.to_vec(), &self.arrays.whole);
        let line = |y: &Array1<f64>, colour, dash| Mark::line(times.clone(), y.to_vec(), colour, dash);
        let (title, label) = match &self.arrays.batch {
            Some(_) => ("c(t), c′(t)", "N E |f_{N} − f_{ρ}|^{2};  (B/ε) E |f_{ε,B} − f_{ε}|^{2}"),
            None => ("c(t)", "N E |f_{N} − f_{ρ}|^{2}"),
        };
        let panel = Panel::new(Axis::linear("time t"), Axis::log10(label)).title(title);
        let panel = match &self.arrays.batch {
            Some(batch) => {
                // At the start there is no noise, and zero has no logarithm.
                let (times, c) = (times[1..].to_vec(), batch.variance.iter().skip(1).copied().collect());
                let mark = Mark::line(times, c, Colour::Series(4), OTHER_DASH);
                panel.with(mark.label("c′, mini-batches"))
            }
            None => panel,
        };
        if self.record.no_spread {
            // What the arrays hold is rounding error.
            return panel.if_empty("the start has no spread: nothing fluctuates with the width");
        }
        panel
            .with(line(&whole.variance, PREDICTION, DASH).label("c"))
            .with(line(&self.arrays.half.variance, Colour::Grey(120), Dash::Dotted).label("half the particles"))
            .with(line(&whole.spread, Colour::Series(1), Dash::Dashed).label("S^{2}, no interaction"))
            .legend(Legend::Automatic)
    }

    /// The loss added by dropping half of the neurons, and the barrier, at the end.
    pub(super) fn added_loss(&self) -> Panel {
        let whole = &self.arrays.whole;
        let panel =
            Panel::new(Axis::log2("width N").counts(), Axis::log10("added loss at T")).title("half kept; barrier");
        let dropout = QuantityStyle { label: "half kept, ", ..QuantityStyle::PLAIN };
        let barrier = QuantityStyle {
            line: Colour::Series(4),
            dash: OTHER_DASH,
            points: Colour::Series(2),
            marker: Marker::Diamond,
            label: "barrier, ",
            logarithmic: true,
        };
        let panel = self.quantity(panel, "dropout", whole.dropout.column(self.last()).to_vec(), dropout);
        self.quantity(panel, "barrier", whole.barrier.column(0).to_vec(), barrier)
    }
}

/// How a quantity is drawn against the width.
#[derive(Clone, Copy)]
struct QuantityStyle {
    line: Colour,
    dash: Dash,
    points: Colour,
    marker: Marker,
    /// Beginning of its labels.
    label: &'static str,
    /// Whether the axis is logarithmic.
    logarithmic: bool,
}

impl QuantityStyle {
    /// The style of the only quantity of a panel.
    const PLAIN: QuantityStyle = QuantityStyle {
        line: PREDICTION,
        dash: DASH,
        points: Colour::Series(0),
        marker: Marker::Circle,
        label: "",
        logarithmic: true,
    };
}
