//! What the study is about: its question, its statements, its figures.

use crate::run::about::{About, FigureAbout};

/// For readers of its results.
pub(super) const ABOUT: About = About {
    question: "what does the limit alone predict for networks of finite width, and is it right?",
    statement: "f_N = f_ρ + G/√N + b/N + ..., with G a centred Gaussian field and b a mean shift, both functions of \
                the limit alone. From them follow the mean square distance of the predictions, the mean and the \
                spread of the gap of the loss, the loss added by dropout, and the barrier, up to powers of 1/N − \
                1/M. A prediction holds where the ratio predicted / measured is shown to lie in [0.9, 1.1].",
    theory: "prediction.md#what-follows-for-networks",
    checks: "predict",
    figures: &[
        FigureAbout {
            name: "predict-gap",
            caption: "Predictions (dash-dotted) and networks (points with two standard errors over seeds): (a) \
                      mean square distance of the predictions at T against N; (b) mean gap of the loss at T with \
                      the range from 5 to 95 % of its law; (c) c(t) with that of half of the particles and the \
                      bare variance, and c′ of mini-batches; (d) the loss added by keeping half of the neurons, \
                      and the barrier.",
            checks: &["predict-*"],
        },
        FigureAbout {
            name: "predict-networks",
            caption: "Measured against predicted, a point for each network, coloured by width: (a) square distance \
                      of the predictions at T, (b) gap of the loss at T. (c), (d): their means over networks \
                      divided by 1/N − 1/M, plain and corrected by the predictions as control variates, with two \
                      standard errors.",
            checks: &["predict-corrected-*"],
        },
    ],
};
