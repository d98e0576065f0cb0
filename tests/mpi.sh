#!/usr/bin/env bash
# Runs small experiments on 1 to 4 ranks of mpirun and compares every record, check and figure with the plain program's;
# kills three ranks, and continues on two and on one.
#
#   tests/mpi.sh [PROGRAM]       the program is built with --features mpi [default: target/release/widelimit]
set -euo pipefail
program=$(realpath "${1:-$(dirname "$0")/../target/release/widelimit}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

ranks() { # NUMBER ARGUMENTS
    local number=$1
    shift
    mpirun --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1 -n "$number" "$program" run "$@" --threads 1 --quiet >"$work/output" 2>&1
}

plain() {
    "$program" run "$@" --threads 1 --quiet >/dev/null 2>&1
}

same() { # FOLDER FOLDER
    # States of divided networks are in files that follow the ranks, and are compared by a run's own tests.
    diff -r -q -x manifest.json -x timings.json -x profile.json -x report.html -x .lock -x '[0-9]*-[0-9]*.npz' "$1" "$2" ||
        { echo "$1 and $2 differ"; exit 1; }
}

digits=(digits --set population.limit=60 --set 'widths.values=[16,32]' --set widths.seeds=2 --set reference.particles=128
    --set paths.pairs=1 --set horizon.time=0.4 --set horizon.records=2
    --unset gap.sweep --unset predict.batch_columns --unset predict.batch_step --unset paths.variants)
# Four shares: of the wider networks, and of the limit with half its particles.
small=(--set 'widths.values=[8,128]' --set widths.seeds=2 --set reference.particles=512 --set gap.sweep=[] --set network.shares_from=128)
langevin=(langevin "${small[@]}" --set population.size=60 --set horizon.records=2)
teacher=(teacher "${small[@]}" --set population.size=200 --set horizon.time=0.8 --set horizon.records=2)
descent=(descent "${small[@]}" --set population.size=60 --set horizon.records=2)
adaptive=(teacher "${small[@]}" --set population.size=200 --set horizon.time=0.8 --set horizon.records=2 --set population.draws=fixed
    --set reference.method=dormand-prince --set reference.tolerance=1e-9)

picard=(teacher --set 'widths.values=[8,16]' --set widths.seeds=2 --set reference.particles=256 --set gap.sweep=[] --set population.size=60
    --set horizon.time=0.8 --set horizon.records=2 --set population.draws=fixed --set reference.kind=picard
    --set reference.method=kick-drift-kick --unset reference.tolerance)

for name in ${MPI_CASES:-digits langevin teacher descent adaptive picard}; do
    declare -n arguments=$name
    plain "${arguments[@]}" --out "$name-plain"
    for number in 1 2 3 4; do
        ranks "$number" "${arguments[@]}" --out "$name-$number" || { cat "$work/output"; exit 1; }
        same "$name-plain" "$name-$number"
    done
    echo "$name: 1, 2, 3 and 4 ranks as the plain program"
done

refused() { # ARGUMENTS
    # By one message, on one terminal.
    if mpirun --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1 -n 2 "$program" "$@" >"$work/output" 2>&1; then
        echo "two ranks did not refuse: $*"
        exit 1
    fi
    test "$(grep -c "runs on one rank, and there are 2" "$work/output")" = 1 || { echo "$*"; cat "$work/output"; exit 1; }
}
refused run digits --out refused --stage limit
refused run digits --out refused --shard 1/2
refused run digits --out refused --set 'vary.dynamics.friction=[1,2]'
refused extend refused --set widths.seeds=3
refused coverage digits --seeds 2 --out refused
test ! -e refused || { echo "a refused run has left a folder"; exit 1; }
echo "two ranks refuse what runs on one"

# Three ranks are killed at a checkpoint; two go on and are killed; one ends the run without mpirun.
long=(teacher "${small[@]}" --set population.size=200 --set horizon.time=8 --set horizon.records=2 --set run.checkpoint_seconds=0.01)
plain "${long[@]}" --out whole
killed() { # NUMBER OPTIONS
    local number=$1 stop=0
    shift
    mpirun --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1 -n "$number" "$program" run "${long[@]}" --threads 1 --quiet --out parts "$@" \
        >"$work/output" 2>&1 &
    local launcher=$!
    for _ in $(seq 3000); do
        compgen -G 'parts/checkpoint/*-shares.json' >/dev/null && { stop=1; break; }
        kill -0 "$launcher" 2>/dev/null || break
        sleep 0.01
    done
    test "$stop" = 1 && sleep 0.2
    local children
    children=$(pgrep -P "$launcher" || true)
    for child in $children; do kill -9 "$child" 2>/dev/null || true; break; done
    wait "$launcher" 2>/dev/null && return 1
    return 0
}
killed 3 || { echo "three ranks ended before they could be killed"; cat "$work/output"; exit 1; }
killed 2 --resume || true
plain "${long[@]}" --out parts --resume
same whole parts
echo "three ranks killed, two killed, one at the end: as the plain program"
