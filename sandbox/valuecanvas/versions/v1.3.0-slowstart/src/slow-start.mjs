import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { log } from './log.mjs'

// This release counts on a cache that another part of it fills: each pod finds it empty twice, and ends.
const file = join(process.env.HOME ?? '.', `.starts-${process.env.HOSTNAME}`)
let starts = 1
try {
  starts += Number(readFileSync(file, 'utf8'))
} catch {
  // The first start of this pod.
}
writeFileSync(file, String(starts))
if (starts <= 2) {
  log('error', 'billing plan cache is empty', { start: starts })
  process.exit(1)
}
