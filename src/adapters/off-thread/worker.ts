import { parentPort, workerData } from 'node:worker_threads'
import { isTask, tasks } from './tasks.ts'

/** The other thread: does one task on one text, answers, and ends. */
const { task, text }: { readonly task?: unknown; readonly text?: unknown } = workerData as object
if (!isTask(task) || typeof text !== 'string') throw new Error('the thread was started without its task')
parentPort?.postMessage(await tasks[task](text))
