// Loaded into every pod process: when the sandbox is killed, its end of this pipe closes and the pod must not stay behind.
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  process.stdin.on('end', () => process.exit(137)).on('error', () => process.exit(137))
  process.stdin.resume()
  process.stdin.unref?.()
}
