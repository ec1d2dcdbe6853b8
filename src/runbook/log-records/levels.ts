/** The levels that loggers know, each by one name; `spellings` lists what they write for it. */
type Level =
  | 'trace'
  | 'debug'
  | 'info'
  | 'notice'
  | 'warn'
  | 'error'
  | 'critical'
  | 'fatal'
  | 'alert'
  | 'emergency'
  | 'panic'

/**
 * The words of pino, winston, bunyan, zap, zerolog, logrus, slog, log4j, java.util.logging, logback, Python, loguru,
 * Serilog, .NET, Ruby, PostgreSQL, nginx, syslog, Google Cloud and OpenTelemetry, with the abbreviations of their
 * consoles and the usual slips of the pen.
 */
const spellings: Readonly<Record<Level, string>> = {
  trace: 'trace trac trc trce finest finer fine verbose verb vrb silly all spam',
  debug: 'debug debu deb dbg dbug dbgr config',
  info: 'info inf information informational success default log http ok',
  notice: 'notice note notc ntc',
  warn: 'warn warning wrn warnin wanr',
  error: 'error err erro eror errr errer errror erorr severe fail failure',
  critical: 'critical crit crt cri',
  fatal: 'fatal fata fat ftl',
  alert: 'alert alrt alr',
  emergency: 'emergency emerg emrg emer',
  panic: 'panic pani pnc dpanic',
}

const names = Object.keys(spellings) as readonly Level[]
const levelsByWord = new Map<string, Level>(
  names.flatMap((level) => spellings[level].split(' ').map((word) => [word, level] as const)),
)

/** Klog, glog, logcat, MongoDB and Ruby write a level as one letter; A is Ruby's "any". */
const letters: Readonly<Record<string, Level>> = {
  V: 'trace',
  T: 'trace',
  D: 'debug',
  I: 'info',
  N: 'notice',
  W: 'warn',
  E: 'error',
  C: 'critical',
  F: 'fatal',
}

export function levelOfLetter(letter: string): Level | undefined {
  return letters[letter]
}

/** Reads a word as a level: "ERROR", "err", "Warning", slog's "ERROR+2", OpenTelemetry's "SEVERITY_NUMBER_ERROR2". */
export function levelOfWord(word: string): Level | undefined {
  const bare = word
    .trim()
    .toLowerCase()
    .replace(/^severity_number_/, '')
    .replace(/:$/, '')
  return levelsByWord.get(bare) ?? levelsByWord.get(bare.replace(/(?:[+-]\d{1,3}|[1-4])$/, ''))
}

/** Returns the one name of a level, or the word itself in lower case when it is nobody's but the service's own. */
export function canonicalLevel(word: string): string {
  return levelOfWord(word) ?? word.trim().toLowerCase()
}

export function atLeastWarn(level: string | undefined): boolean {
  return reaches('warn', level)
}

export function atLeastError(level: string | undefined): boolean {
  return reaches('error', level)
}

/** The levels are listed from the least to the worst; a level of the service's own is in no order. */
function reaches(least: Level, level: string | undefined): boolean {
  const at = names.findIndex((name) => name === level)
  return at >= names.indexOf(least)
}

/** The least numbers of levels, falling: a number has the level of the first that it reaches. */
type Scale = readonly (readonly [least: number, level: Level])[]

const pino: Scale = [
  [60, 'fatal'],
  [50, 'error'],
  [40, 'warn'],
  [30, 'info'],
  [20, 'debug'],
  [10, 'trace'],
]
const python: Scale = [
  [50, 'critical'],
  [40, 'error'],
  [30, 'warn'],
  [20, 'info'],
  [10, 'debug'],
]
const monolog: Scale = [
  [600, 'emergency'],
  [550, 'alert'],
  [500, 'critical'],
  [400, 'error'],
  [300, 'warn'],
  [250, 'notice'],
  [200, 'info'],
  [100, 'debug'],
]
const googleCloud: Scale = [
  [800, 'emergency'],
  [700, 'alert'],
  [600, 'critical'],
  [500, 'error'],
  [400, 'warn'],
  [300, 'notice'],
  [200, 'info'],
  [100, 'debug'],
]
const logback: Scale = [
  [50_000, 'fatal'],
  [40_000, 'error'],
  [30_000, 'warn'],
  [20_000, 'info'],
  [10_000, 'debug'],
  [5_000, 'trace'],
]
const openTelemetry: Scale = [
  [21, 'fatal'],
  [17, 'error'],
  [13, 'warn'],
  [9, 'info'],
  [5, 'debug'],
  [1, 'trace'],
]
const syslog: readonly Level[] = ['emergency', 'alert', 'critical', 'error', 'warn', 'notice', 'info', 'debug']

/** Which numbers a field holds. `any` stands for a field that several loggers use, each with numbers of its own. */
export type Numbers = 'any' | 'severity' | 'python' | 'open-telemetry' | 'none'

/** Reads a number as a level. Those of the loggers do not overlap, so the size tells whose it is. */
export function levelOfNumber(value: number, numbers: Numbers): Level | undefined {
  if (numbers === 'none' || !Number.isFinite(value)) return undefined
  if (numbers === 'python') return onScale(python, value)
  if (numbers === 'open-telemetry') return value <= 24 ? onScale(openTelemetry, value) : undefined
  if (value < 0) return 'debug'
  if (value <= 7) return Number.isInteger(value) ? syslog[value] : undefined
  if (value < 100) return onScale(pino, value)
  if (value >= 5_000) return onScale(logback, value)
  return onScale(numbers === 'severity' ? googleCloud : monolog, value)
}

/** Reads the priority of a syslog line, which holds the facility too: `<11>` is an error of facility 1. */
export function levelOfPriority(priority: number): Level | undefined {
  return priority <= 191 ? syslog[priority % 8] : undefined
}

function onScale(scale: Scale, value: number): Level | undefined {
  return scale.find(([least]) => value >= least)?.[1]
}
