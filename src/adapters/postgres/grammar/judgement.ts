import { clipped } from '../../../outside-text/excerpt.ts'
import type { RiskWeight } from '../port.ts'

/** What a statement does that whoever approves it has to know. */
export interface Judgement {
  readonly weight: RiskWeight
  /** In words that follow the place: "drops table customers". */
  readonly what: string
  /** The table whose rows are concerned, as the statement names it, so that they can be estimated. */
  readonly rowsOf?: string
}

/** What is known of the text around the statement. */
export interface Earlier {
  /** Tables that the same text has made: what is done to them takes nothing from anybody. */
  readonly made: ReadonlySet<string>
  readonly prepared: ReadonlySet<string>
}

export type Judgements = readonly Judgement[]

export const harmless = (): Judgements => []

export const is = (weight: RiskWeight, what: string, rowsOf?: string): Judgements => [
  { weight, what, ...(rowsOf === undefined ? {} : { rowsOf }) },
]

/** Shortens what a statement quotes: a risk is a sentence. */
export function quoted(text: string, most = 80): string {
  return `“${clipped(text.replaceAll(/\s+/g, ' ').trim(), most)}”`
}
