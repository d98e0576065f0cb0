//! Plane geometry on the page: clipping of lines and polygons, dashing and thinning of lines.

/// A point of the page: (x, y) in points from the top left corner.
pub(super) type PagePoint = (f64, f64);

/// A rectangle of the page, in points; `top < bottom`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Whether a point is inside, or outside by at most `slack`.
    pub fn contains(&self, (x, y): PagePoint, slack: f64) -> bool {
        (self.left - slack..=self.right + slack).contains(&x) && (self.top - slack..=self.bottom + slack).contains(&y)
    }

    /// Whether the interiors of two rectangles intersect.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    /// The part of a segment inside the rectangle (Liang and Barsky 1984).
    pub fn clip(&self, (x0, y0): PagePoint, (x1, y1): PagePoint) -> Option<(PagePoint, PagePoint)> {
        let (dx, dy) = (x1 - x0, y1 - y0);
        let (mut from, mut to) = (0.0f64, 1.0f64);
        for (p, q) in [(-dx, x0 - self.left), (dx, self.right - x0), (-dy, y0 - self.top), (dy, self.bottom - y0)] {
            if p == 0.0 {
                if q < 0.0 {
                    return None;
                }
            } else if p < 0.0 {
                from = from.max(q / p);
            } else {
                to = to.min(q / p);
            }
        }
        (from <= to).then_some(((x0 + from * dx, y0 + from * dy), (x0 + to * dx, y0 + to * dy)))
    }

    /// The part of a polygon inside the rectangle (Sutherland and Hodgman 1974).
    pub fn clip_polygon(&self, polygon: &[PagePoint]) -> Vec<PagePoint> {
        let depths: [&dyn Fn(PagePoint) -> f64; 4] =
            [&|p| p.0 - self.left, &|p| self.right - p.0, &|p| p.1 - self.top, &|p| self.bottom - p.1];
        depths.into_iter().fold(polygon.to_vec(), |polygon, depth| {
            let mut kept = Vec::with_capacity(polygon.len() + 4);
            for (i, &b) in polygon.iter().enumerate() {
                let a = polygon[(i + polygon.len() - 1) % polygon.len()];
                let (da, db) = (depth(a), depth(b));
                if (da < 0.0) != (db < 0.0) {
                    let t = da / (da - db);
                    kept.push((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)));
                }
                if db >= 0.0 {
                    kept.push(b);
                }
            }
            kept
        })
    }
}

/// The connected parts of a line with gaps inside a rectangle.
pub(super) fn connected_parts(line: &[Option<PagePoint>], frame: &Rect) -> Vec<Vec<PagePoint>> {
    let mut parts: Vec<Vec<PagePoint>> = Vec::new();
    for pair in line.windows(2) {
        let Some((a, b)) = pair[0].zip(pair[1]).and_then(|(a, b)| frame.clip(a, b)) else { continue };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&a) => part.push(b),
            _ => parts.push(vec![a, b]),
        }
    }
    parts
}

/// Removes points that are not visible: of each run inside one column of `width` points, keeps the first, the last and
/// the two extremes, in order.
pub(super) fn thin(line: Vec<PagePoint>, width: f64) -> Vec<PagePoint> {
    let column = |p: &PagePoint| (p.0 / width).floor();
    let mut kept = Vec::new();
    let mut start = 0;
    while start < line.len() {
        let length = line[start..].iter().take_while(|p| column(p) == column(&line[start])).count();
        let run = start..start + length;
        let by_height = |&a: &usize, &b: &usize| line[a].1.total_cmp(&line[b].1);
        let mut keep = vec![run.start, run.end - 1];
        keep.extend(run.clone().min_by(by_height).into_iter().chain(run.clone().max_by(by_height)));
        keep.sort_unstable();
        keep.dedup();
        kept.extend(keep.into_iter().map(|i| line[i]));
        start = run.end;
    }
    kept
}

/// Divides a line into dashes. `pattern` contains the lengths of dashes and gaps in alternation; an empty pattern gives
/// the whole line.
pub(super) fn dashes(line: Vec<PagePoint>, pattern: &[f64]) -> Vec<Vec<PagePoint>> {
    if pattern.is_empty() {
        return vec![line];
    }
    let mut out: Vec<Vec<PagePoint>> = Vec::new();
    let (mut phase, mut left) = (0, pattern[0]);
    let mut current: Vec<PagePoint> = line.first().copied().into_iter().collect();
    for pair in line.windows(2) {
        let (mut a, b) = (pair[0], pair[1]);
        loop {
            let distance = (b.0 - a.0).hypot(b.1 - a.1);
            if distance <= left {
                left -= distance;
                if phase % 2 == 0 {
                    current.push(b);
                }
                break;
            }
            let t = left / distance;
            a = (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1));
            if phase % 2 == 0 {
                current.push(a);
                out.push(std::mem::take(&mut current));
            } else {
                current = vec![a];
            }
            phase = (phase + 1) % pattern.len();
            left = pattern[phase];
        }
    }
    if phase % 2 == 0 && current.len() > 1 {
        out.push(current);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Rect = Rect { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    #[test]
    fn lines_are_cut_at_the_frame() {
        assert_eq!(UNIT.clip((-1.0, 0.5), (3.0, 0.5)), Some(((0.0, 0.5), (1.0, 0.5))));
        assert_eq!(UNIT.clip((-1.0, 2.0), (3.0, 2.0)), None);
        assert_eq!(UNIT.clip((-1.0, 1.0), (1.0, -1.0)), Some(((0.0, 0.0), (0.0, 0.0))));
        let line = [Some((0.1, 0.5)), Some((0.9, 0.5)), None, Some((0.5, 0.5)), Some((0.5, 9.0)), Some((0.2, 0.2))];
        let lengths: Vec<usize> = connected_parts(&line, &UNIT).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 2, 2]);
    }

    #[test]
    fn a_polygon_around_the_frame_becomes_the_frame() {
        let clipped = UNIT.clip_polygon(&[(-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0)]);
        let area: f64 = (0..clipped.len())
            .map(|i| (clipped[i], clipped[(i + 1) % clipped.len()]))
            .map(|(a, b)| 0.5 * (a.0 * b.1 - b.0 * a.1))
            .sum();
        assert!((area.abs() - 1.0).abs() < 1e-12);
        assert!(UNIT.clip_polygon(&[(2.0, 2.0), (3.0, 2.0), (3.0, 3.0)]).is_empty());
    }

    #[test]
    fn dashes_have_their_lengths_around_corners() {
        let line = vec![(0.0, 0.0), (3.0, 0.0), (3.0, 3.0)];
        let dashes = dashes(line, &[2.0, 0.5]);
        assert_eq!(
            dashes,
            [vec![(0.0, 0.0), (2.0, 0.0)], vec![(2.5, 0.0), (3.0, 0.0), (3.0, 1.5)], vec![(3.0, 2.0), (3.0, 3.0)]]
        );
    }

    #[test]
    fn thinning_keeps_the_extremes() {
        let line: Vec<PagePoint> = (0..10_000).map(|i| (i as f64 * 1e-3, (i as f64 * 0.7).sin())).collect();
        let kept = thin(line.clone(), 0.25);
        assert!(kept.len() <= 4 * 41 && kept.first() == line.first() && kept.last() == line.last());
        let top = |line: &[PagePoint]| line.iter().map(|p| p.1).fold(f64::MIN, f64::max);
        assert_eq!(top(&kept), top(&line));
        assert_eq!(thin(vec![(0.0, 1.0)], 0.25), [(0.0, 1.0)]);
    }
}
