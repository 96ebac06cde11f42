;; Products of matrices in float32 whose bits are the same on every machine: of all operations on float32 only f32x4.mul
;; and f32x4.add, no relaxed ones, in one order, which stands in portable-algebra.ts. Each lane is one number of the
;; result, so no sum crosses lanes.
(module
  (memory (export "memory") 1)

  ;; out += sign (a b), for `out` row-major [rows, cols]. Rows are a multiple of 4, columns of 8. Number k of row i of `a`
  ;; is at `a` + i line + k term; `b` lies in panels of 8 columns, each [depth, 8]. Places and distances are in bytes.
  (func (export "addProduct")
    (param $rows i32) (param $cols i32) (param $depth i32) (param $a i32) (param $line i32) (param $term i32)
    (param $b i32) (param $out i32) (param $sign f32)
    (local $from i32) (local $terms i32) (local $row i32) (local $col i32) (local $left i32) (local $right i32)
    (loop $blocks
      (if (i32.lt_u (local.get $from) (local.get $depth)) (then
        ;; 256 terms, or what is left of them
        (local.set $terms (i32.sub (local.get $depth) (local.get $from)))
        (if (i32.gt_u (local.get $terms) (i32.const 256)) (then (local.set $terms (i32.const 256))))
        (local.set $row (i32.const 0))
        (loop $rows
          (if (i32.lt_u (local.get $row) (local.get $rows)) (then
            ;; a + row line + from term
            (local.set $left (i32.add (local.get $a) (i32.add
              (i32.mul (local.get $row) (local.get $line))
              (i32.mul (local.get $from) (local.get $term)))))
            (local.set $col (i32.const 0))
            (loop $cols
              (if (i32.lt_u (local.get $col) (local.get $cols)) (then
                ;; b + 4 (col depth + 8 from)
                (local.set $right (i32.add (local.get $b) (i32.shl
                  (i32.add (i32.mul (local.get $col) (local.get $depth)) (i32.shl (local.get $from) (i32.const 3)))
                  (i32.const 2))))
                (call $addTile (local.get $terms) (local.get $left) (local.get $line) (local.get $term)
                  (local.get $right)
                  ;; out + 4 (row cols + col)
                  (i32.add (local.get $out) (i32.shl
                    (i32.add (i32.mul (local.get $row) (local.get $cols)) (local.get $col))
                    (i32.const 2)))
                  (i32.shl (local.get $cols) (i32.const 2)) (f32x4.splat (local.get $sign)))
                (local.set $col (i32.add (local.get $col) (i32.const 8)))
                (br $cols))))
            (local.set $row (i32.add (local.get $row) (i32.const 4)))
            (br $rows))))
        (local.set $from (i32.add (local.get $from) (local.get $terms)))
        (br $blocks)))))

  ;; A tile of 4 rows and 8 columns: s = +0, then s += a b for each term, upwards, then out += sign s. `stride` is the
  ;; distance of two rows of `out`.
  (func $addTile
    (param $terms i32) (param $a0 i32) (param $line i32) (param $term i32) (param $b i32) (param $out i32)
    (param $stride i32) (param $sign v128)
    (local $a1 i32) (local $a2 i32) (local $a3 i32)
    (local $left v128) (local $right0 v128) (local $right1 v128)
    (local $s00 v128) (local $s01 v128) (local $s10 v128) (local $s11 v128)
    (local $s20 v128) (local $s21 v128) (local $s30 v128) (local $s31 v128)
    (local.set $a1 (i32.add (local.get $a0) (local.get $line)))
    (local.set $a2 (i32.add (local.get $a1) (local.get $line)))
    (local.set $a3 (i32.add (local.get $a2) (local.get $line)))
    (loop $next
      (local.set $right0 (v128.load (local.get $b)))
      (local.set $right1 (v128.load offset=16 (local.get $b)))
      (local.set $left (v128.load32_splat (local.get $a0)))
      (local.set $s00 (f32x4.add (local.get $s00) (f32x4.mul (local.get $left) (local.get $right0))))
      (local.set $s01 (f32x4.add (local.get $s01) (f32x4.mul (local.get $left) (local.get $right1))))
      (local.set $left (v128.load32_splat (local.get $a1)))
      (local.set $s10 (f32x4.add (local.get $s10) (f32x4.mul (local.get $left) (local.get $right0))))
      (local.set $s11 (f32x4.add (local.get $s11) (f32x4.mul (local.get $left) (local.get $right1))))
      (local.set $left (v128.load32_splat (local.get $a2)))
      (local.set $s20 (f32x4.add (local.get $s20) (f32x4.mul (local.get $left) (local.get $right0))))
      (local.set $s21 (f32x4.add (local.get $s21) (f32x4.mul (local.get $left) (local.get $right1))))
      (local.set $left (v128.load32_splat (local.get $a3)))
      (local.set $s30 (f32x4.add (local.get $s30) (f32x4.mul (local.get $left) (local.get $right0))))
      (local.set $s31 (f32x4.add (local.get $s31) (f32x4.mul (local.get $left) (local.get $right1))))
      (local.set $a0 (i32.add (local.get $a0) (local.get $term)))
      (local.set $a1 (i32.add (local.get $a1) (local.get $term)))
      (local.set $a2 (i32.add (local.get $a2) (local.get $term)))
      (local.set $a3 (i32.add (local.get $a3) (local.get $term)))
      (local.set $b (i32.add (local.get $b) (i32.const 32)))
      (br_if $next (local.tee $terms (i32.sub (local.get $terms) (i32.const 1)))))
    (call $addRow (local.get $out) (local.get $sign) (local.get $s00) (local.get $s01))
    (local.set $out (i32.add (local.get $out) (local.get $stride)))
    (call $addRow (local.get $out) (local.get $sign) (local.get $s10) (local.get $s11))
    (local.set $out (i32.add (local.get $out) (local.get $stride)))
    (call $addRow (local.get $out) (local.get $sign) (local.get $s20) (local.get $s21))
    (local.set $out (i32.add (local.get $out) (local.get $stride)))
    (call $addRow (local.get $out) (local.get $sign) (local.get $s30) (local.get $s31)))

  ;; Adds 8 sums, times the sign, to the numbers at `out`.
  (func $addRow (param $out i32) (param $sign v128) (param $s0 v128) (param $s1 v128)
    (v128.store (local.get $out)
      (f32x4.add (v128.load (local.get $out)) (f32x4.mul (local.get $sign) (local.get $s0))))
    (v128.store offset=16 (local.get $out)
      (f32x4.add (v128.load offset=16 (local.get $out)) (f32x4.mul (local.get $sign) (local.get $s1))))))
