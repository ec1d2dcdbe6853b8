/** One request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** Required for PATCH: the API refuses a patch without one. */
  readonly contentType?: string
  /** What the request does, for the error message: "reading deployment valuecanvas-api". */
  readonly doing: string
  /** A stream that brings no byte for this long counts as dead. */
  readonly idleMs?: number
  /** How long the head of a stream's answer may take (default: the time limit of every request). */
  readonly openingMs?: number
}
