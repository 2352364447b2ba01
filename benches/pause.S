# A process that does nothing until it is killed; the bench starts many of it. pause(2).
#if defined(__x86_64__)
.globl _start
_start:
    mov $34, %eax
    syscall
    jmp _start
#elif defined(__aarch64__)
// ppoll(2) without descriptors and without a timeout, because there is no pause(2).
.globl _start
_start:
    mov x0, #0
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x8, #73
    svc #0
    b _start
#else
#error "pause(2) is not implemented for this architecture"
#endif
.section .note.GNU-stack, "", %progbits
