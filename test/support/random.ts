/** Numbers for tests of numerics: the same in every run, no seed shared between tests. */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed | 0
  }

  /** In [0, 1), 24 bits: a linear congruential generator (Numerical Recipes). */
  next(): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) | 0
    return (this.state >>> 8) / 2 ** 24
  }

  /** Nearly normal, standard deviation about 0.6. */
  normal(): number {
    return this.next() + this.next() + this.next() + this.next() - 2
  }

  /** 1 or -1. */
  sign(): 1 | -1 {
    return this.next() < 0.5 ? -1 : 1
  }

  normals(length: number): Float32Array {
    return Float32Array.from({ length }, () => this.normal())
  }

  /** X^T X of correlated inputs of unlike size, row-major [cols, cols]. */
  gram(cols: number, tokens: number): Float32Array {
    const common = this.normals(tokens)
    const x = Array.from({ length: cols }, () => {
      const [size, share] = [0.2 + this.next() ** 3, this.next()]
      return Float64Array.from(common, (value) => size * (share * value + (1 - share) * this.normal()))
    })
    return Float32Array.from({ length: cols * cols }, (_, at) => {
      const [a, b] = [x[Math.floor(at / cols)], x[at % cols]]
      return a.reduce((sum, value, t) => sum + value * b[t], 0)
    })
  }
}
