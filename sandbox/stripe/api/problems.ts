/** An error answer in Stripe's shape: `{ error: { type, code, message, param, … } }`. */
export class StripeProblem extends Error {
  readonly status: number
  readonly type: string
  readonly stripeCode: string | undefined
  readonly param: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** Whether the request had begun to execute: then its answer is kept under its idempotency key. */
  readonly executed: boolean

  constructor(status: number, message: string, facts: ProblemFacts = {}) {
    super(message)
    this.status = status
    this.type = facts.type ?? 'invalid_request_error'
    this.stripeCode = facts.code
    this.param = facts.param
    this.headers = facts.headers ?? {}
    this.executed = facts.executed ?? false
  }

  body(requestId: string): unknown {
    const docs = this.stripeCode && {
      code: this.stripeCode,
      doc_url: `https://stripe.com/docs/error-codes/${this.stripeCode.replaceAll('_', '-')}`,
    }
    const log = `https://dashboard.stripe.com/test/logs/${requestId}`
    return {
      error: {
        ...docs,
        message: this.message,
        ...(this.param && { param: this.param }),
        request_log_url: log,
        type: this.type,
      },
    }
  }
}

interface ProblemFacts {
  readonly type?: string
  readonly code?: string
  readonly param?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly executed?: boolean
}

export function noSuch(what: string, id: string, param: string): StripeProblem {
  return new StripeProblem(404, `No such ${what}: '${id}'`, { code: 'resource_missing', param })
}

export function missingParam(param: string): StripeProblem {
  return new StripeProblem(400, `Missing required param: ${param}.`, { code: 'parameter_missing', param })
}

export function unknownParam(param: string): StripeProblem {
  return new StripeProblem(400, `Received unknown parameter: ${param}`, { code: 'parameter_unknown', param })
}

export function invalidParam(param: string, message: string): StripeProblem {
  return new StripeProblem(400, message, { param })
}
