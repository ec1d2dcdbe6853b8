// Loaded into the pods of a node whose clock is wrong: this process lives that many milliseconds beside the others.
import http from 'node:http'

const skewMs = Number(process.env.CLOCK_SKEW_MS ?? 0)
const RealDate = Date

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + skewMs] : args, newTarget),
  apply: () => new RealDate(RealDate.now() + skewMs).toString(),
  get: (target, name, receiver) =>
    name === 'now' ? () => RealDate.now() + skewMs : Reflect.get(target, name, receiver),
})

// Node writes the Date header from a clock of its own.
const { writeHead } = http.ServerResponse.prototype
http.ServerResponse.prototype.writeHead = function (...args) {
  if (!this.hasHeader('date')) this.setHeader('date', new Date().toUTCString())
  return writeHead.apply(this, args)
}
