// Prints "N passed, N failed" from vitest's JSON results; fails when there are none or one failed.
import { readFileSync } from 'node:fs'

const results = read(process.argv[2])
const passed = results.numPassedTests ?? 0
// A file that could not even be loaded has no test that failed.
const brokenFiles = (results.testResults ?? []).filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length
const failed = (results.numFailedTests ?? 0) + brokenFiles
const skipped = (results.numPendingTests ?? 0) + (results.numTodoTests ?? 0)

process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
if (failed > 0 || passed === 0) process.exitCode = 1

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    process.stderr.write('count-tests: vitest left no results\n')
    return {}
  }
}
