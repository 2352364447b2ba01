# A process that does nothing until its stdin ends; the bench starts many of it. read(2), exit(2).
#if defined(__x86_64__)
.globl _start
_start:
    sub $16, %rsp
again:
    xor %eax, %eax
    xor %edi, %edi
    mov %rsp, %rsi
    mov $1, %edx
    syscall
    test %rax, %rax
    jg again
    mov $60, %eax
    xor %edi, %edi
    syscall
#elif defined(__aarch64__)
.globl _start
_start:
    sub sp, sp, #16
again:
    mov x0, #0
    mov x1, sp
    mov x2, #1
    mov x8, #63
    svc #0
    cmp x0, #0
    b.gt again
    mov x0, #0
    mov x8, #93
    svc #0
#else
#error "exit(2) is not implemented for this architecture"
#endif
.section .note.GNU-stack, "", %progbits
