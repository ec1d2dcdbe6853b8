/*
 * How JavaScript, Java, Python, Go, Rust, Ruby, PHP and .NET print an error that nobody caught, or that a logger was
 * handed: what its first line looks like, and which lines behind it belong to it.
 */

const className = String.raw`(?:[A-Za-z_$][\w$]{0,80}[.\\]){0,12}[A-Z_$]?[\w$]{0,80}(?:Error|Exception|Throwable|Panic|Interrupt|Rejection)`

/** The class of an error, its message behind a colon, or nothing: "TypeError: …", "java.lang.IllegalStateException". */
const thrown = new RegExp(
  String.raw`^(?:Uncaught |Unhandled exception\. |Exception in thread "[^"\n]{0,120}" )?${className}(?=:|$| \[[A-Z][A-Z0-9_]{0,60}\]:| \(0x)`,
)
const tracebackOfPython = /^Traceback \(most recent call last\):/
const heads: readonly RegExp[] = [
  thrown,
  tracebackOfPython,
  /^(?:panic|fatal error): /,
  /^goroutine \d{1,9} \[/,
  /^thread '[^'\n]{0,120}'(?: \(\d{1,9}\))? panicked at /,
  /^(?:PHP )?(?:Fatal|Parse|Recoverable fatal) error: /,
  /^\(node:\d{1,9}\) Unhandled/,
  /^\S{1,200}:\d{1,6}:in [`'][^'\n]{1,120}': /,
  /^Segmentation fault\b/,
]

/** Java's loggers print what they were handed so: the class with its package. Nobody caught what says so itself. */
const handedToLogger = new RegExp(
  String.raw`^(?:[a-z_$][\w$]{0,80}\.){1,12}[A-Z][\w$]{0,80}(?:Error|Exception|Throwable)(?=:|$)`,
)

/** Tells whether an error that was thrown is printed from this line on. */
export function beginsTrace(line: string): boolean {
  return heads.some((head) => head.test(line))
}

/** Tells whether a trace of Python begins here, whose end says what the error is. */
export function beginsTraceback(line: string): boolean {
  return tracebackOfPython.test(line)
}

/** What is known of the record to which a line may belong. */
interface Before {
  readonly first: string
  readonly last: string
  /** Whether the record tells of a warning or worse. */
  readonly isTrouble: boolean
  /** Whether a trace of Python is among its lines. */
  readonly isTraceback: boolean
}

/** Lines at the margin that go on with a trace, whichever it is. */
const goesOn: readonly RegExp[] = [
  /^(?:Caused by|Suppressed|Wrapped by): /,
  /^\.{3} \d{1,6} (?:more|common frames omitted)/,
  /^(?:During handling of the above exception, another|The above exception was the direct cause of)/,
  /^goroutine \d{1,9} \[/,
  /^created by \S/,
  /^\[signal /,
  /^exit status \d/,
  /^note: run with `?RUST_BACKTRACE/,
  /^stack backtrace:/,
  /^Stack trace:/,
  /^#\d{1,4} /,
  /^--- End of /,
  /^at \S{1,300}(?: \(|:\d|\()/,
  /^Node\.js v\d/,
  // The brackets that close what was printed over several lines.
  /^[)\]}]{1,8}[,;]?\s{0,4}$/,
]

const goFrame = /^[A-Za-z_][\w./*()\-·[\]…]{0,300}\(.{0,400}\)$/
const pythonException = /^(?:[A-Za-z_]\w{0,80}\.){0,12}[A-Za-z_]\w{0,80}(?::|$)/
/** Node shows the place before the error: `/app/server.js:12`. */
const placeOfNode = /^(?:node:|file:\/\/|\/)\S{1,300}:\d{1,7}$/

/**
 * Tells whether a line goes on with the record before it: it is indented, or it is a line of a trace. What Java's and
 * Python's loggers print at the margin belongs to a record that tells of trouble; behind any other it is an error of
 * its own, as what nobody caught always is.
 */
export function continues(line: string, before: Before): boolean {
  if (/^\s/.test(line)) return true
  if (goesOn.some((pattern) => pattern.test(line))) return true
  // Python ends the lines of a trace, which are indented, with what the error is.
  if (before.isTraceback && /^\s+\S/.test(before.last) && pythonException.test(line)) return true
  if (handedToLogger.test(line) || tracebackOfPython.test(line)) return before.isTrouble
  if (beginsTrace(line)) return placeOfNode.test(before.first) && !placeOfNode.test(line)
  return /^(?:goroutine \d|created by |\t\S|\s+\/)/.test(before.last) && goFrame.test(line)
}

/** The first line of java.util.logging: `Jan 05, 2026 10:00:00 AM com.valuecanvas.Billing run`, then `SEVERE: …`. */
const javaUtilLogging = /^[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d\s[AP]M \S{1,200}(?: \S{1,100})?$/

/** Tells whether the level and the message are in the next line. */
export function levelFollows(line: string): boolean {
  return javaUtilLogging.test(line)
}

/** Tells whether the next line holds the message, whatever it looks like. */
export function messageFollows(line: string): boolean {
  return /^thread '[^'\n]{0,120}'.{0,20} panicked at \S{1,300}:\d{1,7}:\d{1,7}:$/.test(line)
}

/** Python tells at the end of a trace what the error is, so that line stands for the record. */
export function namesError(line: string): boolean {
  return thrown.test(line)
}
