//! What dropping neurons costs: against the number kept, against the width, along training.

use super::RunFiguresError;
use super::records::mean_over_seeds;
use crate::analysis::fit::SlopeFit;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, style};
use crate::record::npz::Table;
use crate::record::{DropoutRecord, RunFolder};
use ndarray::{Array2, Array3, Axis as Dim};

/// `dropout`: change of the loss against M for every width with the closed form through it; the ways to choose the set.
/// `dropout-scaling`: the change at one M against the width; along training, where there is a closed form. Where neurons are
/// dropped in several ways, both for each. Nothing where the study was not run.
pub fn figures(folder: &RunFolder) -> Result<Vec<(String, Figure)>, RunFiguresError> {
    if !folder.file("records/dropout.json").is_file() {
        return Ok(Vec::new());
    }
    let record: DropoutRecord = folder.read_json("records/dropout.json")?;
    let table = Table::read(&folder.file("records/dropout.npz"))?;
    let mut figures = Vec::new();
    for drop in &record.drops {
        let drawn = Dropout::read(&table, &record, drop)?;
        let first = Figure::double_column().with(drawn.change_against_kept()).with(drawn.ways_to_choose());
        let mut second = Figure::double_column().with(drawn.change_against_width());
        if drawn.has_law() {
            second = second.with(drawn.along_training());
        } else {
            second = second.with(drawn.change_of_the_last());
        }
        figures.push((drawn.named("dropout"), first));
        figures.push((drawn.named("dropout-scaling"), second));
    }
    Ok(figures)
}

struct Dropout<'a> {
    record: &'a DropoutRecord,
    /// The way to drop neurons, as it stands before names.
    drop: &'a str,
    widths: Vec<f64>,
    kept: Vec<f64>,
    times: Vec<f64>,
    /// (widths, seeds, sizes).
    mean: Array3<f64>,
    low: Array3<f64>,
    high: Array3<f64>,
    first: Array3<f64>,
    greedy: Array3<f64>,
    predicted: Array3<f64>,
    /// (widths, seeds, times).
    half_random: Array3<f64>,
    half_predicted: Array3<f64>,
    /// (widths, seeds).
    loss: Array2<f64>,
}

impl<'a> Dropout<'a> {
    fn read(table: &Table, record: &'a DropoutRecord, drop: &'a str) -> Result<Self, RunFiguresError> {
        let prefix = if drop.is_empty() { String::new() } else { format!("{drop}_") };
        let change = |name: &str| Ok::<_, RunFiguresError>(table.shaped(&format!("{prefix}change_{name}"))?);
        let vector = |name: &str| Ok::<_, RunFiguresError>(table.vector(name)?.to_vec());
        let cube = |name: &str| Ok::<_, RunFiguresError>(table.shaped(name)?);
        Ok(Dropout {
            record,
            drop,
            widths: vector("widths")?,
            kept: vector("kept")?,
            times: vector("times")?,
            mean: change("mean")?,
            low: change("low")?,
            high: change("high")?,
            first: change("first")?,
            greedy: change("greedy")?,
            predicted: change("predicted")?,
            half_random: cube("half_random")?,
            half_predicted: cube("half_predicted")?,
            loss: table.shaped("loss")?,
        })
    }

    /// A figure's name, and words about which neurons are dropped.
    fn named(&self, figure: &str) -> String {
        if self.drop.is_empty() { figure.into() } else { format!("{figure}-{}", self.drop) }
    }

    fn of(&self) -> String {
        if self.drop.is_empty() { String::new() } else { format!("{}: ", self.drop.replace('-', " ")) }
    }

    /// Whether there is a closed form.
    fn has_law(&self) -> bool {
        self.predicted.iter().any(|v| v.is_finite())
    }

    fn law(&self) -> &'static str {
        if self.record.exact { "closed form" } else { "second order (approximate)" }
    }

    fn change_against_kept(&self) -> Panel {
        let mut panel = Panel::new(Axis::log2("neurons kept M"), Axis::log10("E_{A} R(f_{A}) − R(f_{N})"))
            .title(format!("{}random sets, mean over draws and seeds", self.of()));
        let over = |cube: &Array3<f64>, w: usize| mean_over_seeds(cube.index_axis(Dim(0), w));
        for (w, n) in self.widths.iter().enumerate() {
            let (colour, (_, marker, _)) = (style::ramp(w, self.widths.len()), style::series(w));
            let points = Mark::points(self.kept.clone(), over(&self.mean, w), colour, marker);
            panel = panel.with(points.label(format!("N = {n}")));
        }
        for w in (0..self.widths.len()).filter(|_| self.has_law()) {
            let colour = style::ramp(w, self.widths.len());
            panel = panel
                .with(Mark::line(self.kept.clone(), over(&self.predicted, w), colour, Dash::Solid).label(self.law()));
        }
        panel.legend(Legend::Automatic)
    }

    /// The widest network for which all three ways were tried.
    fn ways_to_choose(&self) -> Panel {
        let greedy = |w: usize| self.greedy.index_axis(Dim(0), w).iter().any(|v| v.is_finite());
        let w = (0..self.widths.len()).rev().find(|&w| greedy(w)).unwrap_or(self.widths.len() - 1);
        let whole = mean_over_seeds(self.loss.clone().insert_axis(Dim(2)).index_axis(Dim(0), w))[0];
        let risk = |values: Vec<f64>| values.into_iter().map(|v| v + whole).collect::<Vec<f64>>();
        let of = |cube: &Array3<f64>| risk(mean_over_seeds(cube.index_axis(Dim(0), w)));
        let mut panel = Panel::new(Axis::log2("neurons kept M"), Axis::log10("R(f_{A}), mean over seeds"))
            .title(format!("{}N = {}, ways to choose A", self.of(), self.widths[w]))
            .with(
                Mark::band(self.kept.clone(), of(&self.low), of(&self.high), Colour::Series(0))
                    .label("random, 5–95 % of draws"),
            )
            .with(Mark::line(self.kept.clone(), of(&self.mean), Colour::Series(0), Dash::Solid).label("random, mean"))
            .with(
                Mark::points(self.kept.clone(), of(&self.first), Colour::Series(4), Marker::Diamond).label("first M"),
            );
        if greedy(w) {
            let line = Mark::line(self.kept.clone(), of(&self.greedy), Colour::Series(2), Dash::Dashed);
            panel = panel.with(line.label("greedy"));
        }
        panel.with(Mark::horizontal(whole, Colour::Grey(90), Dash::Dotted).label("all N"))
    }

    fn change_against_width(&self) -> Panel {
        let mut panel = Panel::new(Axis::log2("width N"), Axis::log10("change × N/(N − M)")).title(format!(
            "{}M = {} kept at random",
            self.of(),
            self.record.fixed
        ));
        let measure = if self.drop.is_empty() { "fixed".into() } else { format!("{}-fixed", self.drop) };
        match self.record.fits.iter().find(|fit| fit.measure == measure).map(|fit| (&fit.fit, &fit.failure)) {
            Some((Some(fit), _)) => {
                let x: Vec<f64> = fit.points.iter().map(|p| p.x).collect();
                let ends = fit.points.iter().map(|p| p.interval.unwrap_or((p.y, p.y))).collect();
                let y = fit.points.iter().map(|p| p.y).collect();
                let line = x.iter().map(|&x| fit.at(x)).collect();
                panel = panel
                    .with(Mark::line(x.clone(), line, Colour::Series(0), Dash::Solid).label(slope(fit)))
                    .with(Mark::points(x, y, Colour::Series(0), Marker::Circle).error(ends).label("mean over seeds"));
                // A law without slope: a decade of room says so.
                let middle = fit.points.iter().map(|p| p.y.ln()).sum::<f64>() / fit.points.len().max(1) as f64;
                panel.y = panel.y.between(middle.exp() / 3.2, middle.exp() * 3.2);
            }
            Some((None, Some(failure))) => panel = panel.note(failure.clone()),
            _ => panel = panel.note("no M is small enough for every width"),
        }
        panel
    }

    /// The change at the largest width with its spread over draws: for sets that have no closed form.
    fn change_of_the_last(&self) -> Panel {
        let w = self.widths.len() - 1;
        let of = |cube: &Array3<f64>| mean_over_seeds(cube.index_axis(Dim(0), w));
        Panel::new(Axis::log2("neurons kept M"), Axis::linear("R(f_{A}) − R(f_{N})"))
            .title(format!("{}N = {}, spread over draws", self.of(), self.widths[w]))
            .with(
                Mark::band(self.kept.clone(), of(&self.low), of(&self.high), Colour::Series(0))
                    .label("5–95 % of draws"),
            )
            .with(Mark::line(self.kept.clone(), of(&self.mean), Colour::Series(0), Dash::Solid).label("mean"))
            .with(Mark::horizontal(0.0, Colour::Grey(90), Dash::Dotted))
            .legend(Legend::Automatic)
    }

    fn along_training(&self) -> Panel {
        let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10("E_{A} R(f_{A}) − R(f_{N})"))
            .title("half kept at random, along training");
        let of = |cube: &Array3<f64>, w: usize| mean_over_seeds(cube.index_axis(Dim(0), w));
        for (w, n) in self.widths.iter().enumerate() {
            let line = Mark::line(
                self.times.clone(),
                of(&self.half_random, w),
                style::ramp(w, self.widths.len()),
                Dash::Solid,
            );
            panel = panel.with(line.label(format!("N = {n}")));
        }
        for w in 0..self.widths.len() {
            let colour = style::ramp(w, self.widths.len());
            panel = panel.with(
                Mark::line(self.times.clone(), of(&self.half_predicted, w), colour, Dash::Dashed).label(self.law()),
            );
        }
        panel.legend(Legend::OutsideRight)
    }
}

/// A fitted slope with its interval, in words.
pub(super) fn slope(fit: &SlopeFit) -> String {
    let number = |value: f64| format!("{value:.2}").replace('-', "−");
    format!("slope {} [{}, {}]", number(fit.slope), number(fit.interval.0), number(fit.interval.1))
}
