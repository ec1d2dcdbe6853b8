import { PurserError } from '../../errors.ts'

export class CommandError extends PurserError {}
