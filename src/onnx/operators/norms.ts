/** Sums and means over axes, the norms made of them, and softmax. */
import { l2, layerNorm, logSoftmax, rmsNorm, softmax, spread, squares } from '../gradient/norms.ts'
import type { Operator, Operators } from './operator.ts'

/** Reductions over axes, which are an attribute in older opsets and an input in newer ones. */
const REDUCTION: Operator = { slots: 'data axes?', axes: 'reduction' }
/** Reductions with a rule of gradients, which reads the axes. */
const SUM: Operator = { ...REDUCTION, contents: 'axes' }
const NORM: Operator = { slots: 'data scale', axes: 'norm', positionwise: true }

export const NORMS: Operators = {
  ArgMax: { gradient: null },
  LayerNormalization: { ...NORM, slots: 'data scale bias?', gradient: layerNorm },
  LogSoftmax: { stands: 'made', axes: 'softmax', gradient: logSoftmax },
  RMSNormalization: { ...NORM, gradient: rmsNorm },
  ReduceL2: { ...SUM, gradient: l2 },
  ReduceMax: REDUCTION,
  ReduceMean: { ...SUM, axes: 'mean', positionwise: true, gradient: (step) => spread(step, (count) => 1 / count) },
  ReduceMin: REDUCTION,
  ReduceProd: {},
  ReduceSum: { ...SUM, gradient: (step) => spread(step, () => 1) },
  ReduceSumSquare: { ...SUM, gradient: squares },
  SimplifiedLayerNormalization: { ...NORM, gradient: rmsNorm },
  Softmax: { axes: 'softmax', attends: true, gradient: softmax },
  'com.microsoft:SkipLayerNormalization': { stands: 'lowered', slots: 'data skip scale beta? bias?' },
  'com.microsoft:SkipSimplifiedLayerNormalization': { stands: 'lowered', slots: 'data skip scale bias?' },
}
