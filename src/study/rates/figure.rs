//! Steps beside their bounds.

use super::RatesArrays;
use super::statements::Statement;
use crate::figure::{Axis, Figure, Legend, Mark, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::study::NamedFigure;

/// `rates`: error after a step against the error before it, and against both the bound.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let arrays = RatesArrays::read(folder)?;
    let mut figure =
        Figure::double_column().with(panel(&arrays, "linear rates, quadratic", &["iht", "damped"])).with(panel(
            &arrays,
            "quadratic rate, near the truth",
            &["quadratic-logistic", "quadratic-exponential", "quadratic-measurement"],
        ));
    figure.height_in = 3.2;
    Ok(vec![("rates".into(), figure)])
}

fn panel(arrays: &RatesArrays, title: &str, names: &[&str]) -> Panel {
    let statements = Statement::all();
    let mut panel = Panel::new(Axis::log10("error before e"), Axis::log10("error after e_{+}"))
        .title(title)
        .legend(Legend::Automatic);
    let chosen = names.iter().filter_map(|name| statements.iter().find(|statement| statement.name == *name));
    for (s, Statement { name, label, .. }) in chosen.enumerate() {
        let Some(steps) = arrays.statement(name) else { continue };
        let (colour, marker, _) = style::series(s);
        let points = |y: &ndarray::Array1<f64>| Mark::points(steps.before.to_vec(), y.to_vec(), colour, marker);
        panel = panel
            .with(points(&steps.after).label(*label))
            .with(points(&steps.bound).hollow().label(format!("{label}, bound")));
    }
    panel
}
