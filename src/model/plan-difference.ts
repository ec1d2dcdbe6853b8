/** One thing that is not as it was when the plan was approved. */
export interface PlanDifference {
  /** How it is now, as a clause: "Stripe endpoint we_1 was disabled". */
  readonly now: string
  /** How it was, or what was to be done, in a few words. */
  readonly planned?: string
}

/** "Stripe endpoint we_1 was disabled (planned: keep it enabled)" */
export function differenceWords({ now, planned }: PlanDifference): string {
  return planned === undefined ? now : `${now} (planned: ${planned})`
}
