/** One comparison: the same work done by Purser and by a named rival, in the same run of the benchmark. */
export interface Result {
  readonly what: string
  readonly rival: Figure
  readonly ours: Figure
  readonly runs: number
  readonly note?: string
}

export interface Figure {
  readonly name: string
  /** Medians and ranges are of these. */
  readonly milliseconds: readonly number[]
}

/** Takes turns, so that a slow moment of the machine hits both; the first of several turns warms up and is not counted. */
export async function inTurns(
  runs: number,
  rival: () => Promise<void>,
  ours: () => Promise<void>,
): Promise<{ readonly rival: number[]; readonly ours: number[] }> {
  const times: { rival: number[]; ours: number[] } = { rival: [], ours: [] }
  for (let turn = firstTurn(runs); turn <= runs; turn += 1) {
    const first = await timed(rival)
    const second = await timed(ours)
    if (turn === 0) continue
    times.rival.push(first)
    times.ours.push(second)
  }
  return times
}

/** The same with any number of contenders. */
export async function takeTurns<Name extends string>(
  runs: number,
  contenders: Readonly<Record<Name, () => Promise<void>>>,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(contenders) as Name[]
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>
  for (let turn = firstTurn(runs); turn <= runs; turn += 1)
    for (const name of names) {
      const milliseconds = await timed(contenders[name])
      if (turn > 0) times[name].push(milliseconds)
    }
  return times
}

/** Turn 0 is not counted. A single run is not worth warming up for. */
function firstTurn(runs: number): number {
  return runs === 1 ? 1 : 0
}

export async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** A Markdown table, so that it can be pasted into docs/benchmarks.md. */
export function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ what, rival, ours, runs }) => [
    what,
    `${rival.name}: ${figure(rival.milliseconds)}`,
    `${ours.name}: ${figure(ours.milliseconds)}`,
    `${(median(ours.milliseconds) / median(rival.milliseconds)).toFixed(2)} ×`,
    String(runs),
  ])
  const all = [['what', 'rival: median (range)', 'Purser: median (range)', 'Purser / rival', 'runs'], ...rows]
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = all
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body.map(line)].join('\n')
}

function figure(milliseconds: readonly number[]): string {
  return `${inWords(median(milliseconds))} (${inWords(Math.min(...milliseconds))} – ${inWords(Math.max(...milliseconds))})`
}

function inWords(milliseconds: number): string {
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(2)} s`
  return milliseconds >= 100 ? `${milliseconds.toFixed(0)} ms` : `${milliseconds.toFixed(1)} ms`
}
