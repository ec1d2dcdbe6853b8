import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { PurserError } from '../../errors.ts'
import { type Outcome, type TaskName, tasks } from './tasks.ts'

/** A shorter text is read at once: that takes a few milliseconds, and starting a thread many more. */
const shortText = 16_384
const limitMs = 60_000
const memoryMb = 2_048

class ReadingFailed extends PurserError {
  readonly code = 'reading_failed'
}

/**
 * Does a task on a text so that others are not kept waiting: a long one in a thread of its own, which ends with the signal and after a
 * minute. Raises `reading_failed` when the thread runs out of time or memory.
 */
export async function offThread<T extends TaskName>(task: T, text: string, signal: AbortSignal): Promise<Outcome<T>> {
  signal.throwIfAborted()
  if (text.length <= shortText) {
    await nextTurn()
    return (await tasks[task](text)) as Outcome<T>
  }
  return inThread(task, text, signal)
}

async function inThread<T extends TaskName>(task: T, text: string, signal: AbortSignal): Promise<Outcome<T>> {
  const worker = newWorker({ task, text })
  const failed = (why: string, cause?: Error) => readingFailed(task, why, cause)
  const limit = AbortSignal.timeout(limitMs)
  const stop = AbortSignal.any([signal, limit])
  let onStop: () => void = () => undefined
  try {
    return await new Promise<Outcome<T>>((resolve, reject) => {
      onStop = () => reject(signal.aborted ? (signal.reason as Error) : failed(`not done after ${limitMs / 1_000} s`))
      stop.addEventListener('abort', onStop, { once: true })
      worker.once('message', (outcome: Outcome<T>) => resolve(outcome))
      worker.once('error', (error) => reject(failed(error.message, error)))
      worker.once('exit', () => reject(failed('the thread ended without an answer')))
    })
  } finally {
    stop.removeEventListener('abort', onStop)
    await worker.terminate()
  }
}

function newWorker(workerData: { readonly task: TaskName; readonly text: string }): Worker {
  const options = { workerData, resourceLimits: { maxOldGenerationSizeMb: memoryMb } }
  const extension = extname(fileURLToPath(import.meta.url))
  const entry = new URL(`./worker${extension}`, import.meta.url)
  if (extension === '.js') return new Worker(entry, options)
  // From sources (tests, the sandbox) the thread first loads what compiles TypeScript; a built Purser is plain JavaScript.
  const compiler = pathToFileURL(
    join(dirname(createRequire(import.meta.url).resolve('tsx/package.json')), 'dist/esm/api/index.mjs'),
  ).href
  const steps = `import(${JSON.stringify(compiler)}).then(({ register }) => { register(); return import(${JSON.stringify(entry.href)}) })`
  return new Worker(steps, { ...options, eval: true })
}

function readingFailed(task: TaskName, why: string, cause?: Error): ReadingFailed {
  const [text, file] = task === 'manifest' ? ['manifest', 'manifest'] : ['SQL text', 'migration']
  return new ReadingFailed(`reading a long ${text}: ${why}`, {
    hint: `Divide the ${file} into several files.`,
    ...(cause === undefined ? {} : { cause }),
  })
}
