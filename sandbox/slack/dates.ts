// Dates as Slack draws them: https://docs.slack.dev/messaging/formatting-message-text#date-formatting and
// https://docs.slack.dev/reference/block-kit/block-elements/date-element. The page and the transcript share this.

/** Who looks at a date. What is left out is what the machine says. */
export interface Reader {
  readonly now?: Date
  readonly timeZone?: string | undefined
  /** Decides between 12 and 24 hours, and on the order of `{date_slash}`. The words are English in the sandbox. */
  readonly locale?: string | undefined
}

interface Moment {
  readonly at: Date
  readonly now: Date
  readonly timeZone: string | undefined
  readonly locale: string | undefined
}

/**
 * The words for a date, in the reader's time zone. Undefined when Slack would show the fallback: the timestamp is none, or the
 * format has no token that Slack knows or one that it does not.
 */
export function dateWords(seconds: number, format: string, reader: Reader = {}): string | undefined {
  const at = new Date(seconds * 1000)
  if (Number.isNaN(at.getTime()) || !format.includes('{')) return undefined
  const moment = { at, now: reader.now ?? new Date(), timeZone: reader.timeZone, locale: reader.locale }
  let known = true
  const words = format.replace(/\{([^{}]*)\}/g, (whole, name: string, place: number) => {
    const draw = Object.hasOwn(tokens, name) ? tokens[name] : undefined
    if (draw === undefined) {
      known = false
      return whole
    }
    // Slack begins with a capital where the token begins the format: "Today at 5:19 PM", but "Since today".
    const drawn = draw(moment)
    return place === 0 ? drawn.charAt(0).toUpperCase() + drawn.slice(1) : drawn
  })
  return known ? words : undefined
}

const tokens: Readonly<Record<string, (moment: Moment) => string>> = {
  date_num: numeric,
  date_slash: ({ at, timeZone, locale }) =>
    at.toLocaleDateString(locale, { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }),
  date,
  date_pretty: (moment) => near(moment) ?? date(moment),
  date_short: short,
  date_short_pretty: (moment) => near(moment) ?? short(moment),
  date_long: long,
  date_long_pretty: (moment) => near(moment) ?? long(moment),
  date_long_full: (moment) => `${english(moment, { month: 'long' })} ${dayOf(moment)}, ${yearOf(moment)}`,
  day_divider_pretty: (moment) =>
    near(moment) ?? `${longWithoutYear(moment)}${yearOf(moment) === yearOfNow(moment) ? '' : `, ${yearOf(moment)}`}`,
  time: (moment) => clock(moment, {}),
  time_secs: (moment) => clock(moment, { second: '2-digit' }),
  ago,
}

function date(moment: Moment): string {
  return `${english(moment, { month: 'long' })} ${ordinal(dayOf(moment))}${yearIfFar(moment)}`
}

function short(moment: Moment): string {
  return `${english(moment, { month: 'short' })} ${dayOf(moment)}${yearIfFar(moment)}`
}

function long(moment: Moment): string {
  return `${longWithoutYear(moment)}${yearIfFar(moment)}`
}

function longWithoutYear(moment: Moment): string {
  return `${english(moment, { weekday: 'long' })}, ${english(moment, { month: 'long' })} ${ordinal(dayOf(moment))}`
}

/** `2014-02-18`: the form in which Swedes write dates. */
function numeric({ at, timeZone }: Pick<Moment, 'at' | 'timeZone'>): string {
  return at.toLocaleDateString('sv-SE', { timeZone })
}

function english({ at, timeZone }: Pick<Moment, 'at' | 'timeZone'>, part: Intl.DateTimeFormatOptions): string {
  return at.toLocaleDateString('en-US', { timeZone, ...part })
}

const dayOf = (moment: Moment): number => Number(english(moment, { day: 'numeric' }))
const yearOf = (moment: Moment): string => english(moment, { year: 'numeric' })
const yearOfNow = ({ now, timeZone }: Moment): string => english({ at: now, timeZone }, { year: 'numeric' })

/** Slack omits the year of a date that is less than six months away. */
function yearIfFar(moment: Moment): string {
  const { at, now } = moment
  const [later, earlier] = at > now ? [at, now] : [now, at]
  const limit = new Date(earlier)
  limit.setUTCMonth(limit.getUTCMonth() + 6)
  return later < limit ? '' : `, ${yearOf(moment)}`
}

const nearDays: ReadonlyMap<number, string> = new Map([
  [-1, 'yesterday'],
  [0, 'today'],
  [1, 'tomorrow'],
])

function near(moment: Moment): string | undefined {
  const days = (Date.parse(numeric(moment)) - Date.parse(numeric({ ...moment, at: moment.now }))) / 86_400_000
  return nearDays.get(days)
}

/** `5:19 PM` or `17:19`, as the reader's locale has it. */
function clock({ at, timeZone, locale }: Moment, more: Intl.DateTimeFormatOptions): string {
  const { hour12 = false } = new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions()
  return at
    .toLocaleTimeString(hour12 ? 'en-US' : 'en-GB', {
      timeZone,
      hour: hour12 ? 'numeric' : '2-digit',
      minute: '2-digit',
      ...more,
    })
    .replace(/\s/g, ' ')
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

/** `3 minutes ago`, `in 2 days`. */
function ago({ at, now }: Moment): string {
  const away = Math.round((at.getTime() - now.getTime()) / 1000)
  const [unit, length] = units.find(([, seconds]) => Math.abs(away) >= seconds) ?? (['second', 1] as const)
  return new Intl.RelativeTimeFormat('en').format(Math.trunc(away / length), unit)
}

function ordinal(day: number): string {
  const ending = { one: 'st', two: 'nd', few: 'rd', other: 'th', zero: 'th', many: 'th' }
  return `${day}${ending[new Intl.PluralRules('en', { type: 'ordinal' }).select(day)]}`
}
