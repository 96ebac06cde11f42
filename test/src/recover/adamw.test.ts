import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adamStep, noMoments } from '../../../src/recover/adamw.ts'

/** Steps of torch.optim.AdamW (2.15), lr 0.01, weight_decay 0: gradients of a step, and the values behind it. */
const STEPS = [
  { gradients: [0.1, -0.2, 0, 1e-6], values: [0.49000000953674316, -0.9900000095367432, 2, -0.009900989010930061] },
  {
    gradients: [0.3, 0.2, -0.5, 1e-6],
    values: [0.48082220554351807, -0.9905263185501099, 2.007441282272339, -0.019801978021860123],
  },
  {
    gradients: [-0.4, 0, 0.1, -2e-6],
    values: [0.48143622279167175, -0.9909331798553467, 2.0118281841278076, -0.01905079558491707],
  },
]

test('AdamW takes the steps that PyTorch takes', () => {
  const values = new Float32Array([0.5, -1, 2, 0])
  const moments = noMoments(values.length)
  for (const [k, step] of STEPS.entries()) {
    adamStep(values, new Float32Array(step.gradients), moments, { step: k + 1, rate: 0.01 })
    for (const [i, value] of values.entries()) assert.ok(Math.abs(value - step.values[i]) < 3e-7, `${k} ${i}: ${value}`)
  }
})
