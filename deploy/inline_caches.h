/* Inline caches for what mypyc looks up by name: attributes of msgspec structs, and names of a module.
 *
 * The interpreter of Python 3.11 remembers at each place of the bytecode where an attribute lay the last time
 * (PEP 659). Code from mypyc does not: for an object that is no class of its own it asks the type anew each time, and a
 * name of a module costs a search of a dictionary. The macros below remember it at each place of the C code, by the
 * same signs as the interpreter: the version of a type, which changes with the type, and the version of a dictionary,
 * which changes with each write. What does not fit takes the way it took before.
 *
 * deploy/compile.py includes this before each generated file. All of it runs under the interpreter's lock.
 */
#ifndef WANGGE_INLINE_CACHES_H
#define WANGGE_INLINE_CACHES_H

#include <Python.h>
#include <structmember.h>
#include "CPy.h"

#if defined(__GNUC__) && PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000

typedef struct {
    PyTypeObject *type;   /* of the object that was met last; the type cannot die while its version stands */
    unsigned int version; /* 0: this type has no slot of that name */
    Py_ssize_t offset;
} WgSlot;

/* A field of a named tuple: its place (_collectionsmodule.c of Python 3.11). */
typedef struct {
    PyObject_HEAD
    Py_ssize_t index;
    PyObject *doc;
} WgField;

/* Where in an object of a type the attribute lies that a descriptor gives; 0 for what has no fixed place. */
static __attribute__((unused)) Py_ssize_t wg_offset_of(PyTypeObject *type, PyObject *descriptor) {
    if (Py_IS_TYPE(descriptor, &PyMemberDescr_Type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        return member->type == T_OBJECT_EX ? member->offset : 0;
    }
    if (PyType_FastSubclass(type, Py_TPFLAGS_TUPLE_SUBCLASS) &&
        strcmp(Py_TYPE(descriptor)->tp_name, "_collections._tuplegetter") == 0) {
        return (Py_ssize_t)(offsetof(PyTupleObject, ob_item) + sizeof(PyObject *) * ((WgField *)descriptor)->index);
    }
    return 0;
}

static __attribute__((noinline, unused)) PyObject *wg_find_slot(PyObject *object, PyObject *name, WgSlot *slot) {
    PyTypeObject *type = Py_TYPE(object);
    if (slot->type == type && slot->version == 0) {
        return PyObject_GetAttr(object, name);
    }
    slot->type = type;
    slot->version = 0;
    if (type->tp_getattro == PyObject_GenericGetAttr) {
        PyObject *found = _PyType_Lookup(type, name);
        Py_ssize_t offset = found == NULL ? 0 : wg_offset_of(type, found);
        if (offset > 0 && PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG)) {
            slot->version = type->tp_version_tag;
            slot->offset = offset;
        }
    }
    return PyObject_GetAttr(object, name);
}

#undef CPyObject_GetAttr
#define CPyObject_GetAttr(object, name)                                                                       \
    ({                                                                                                        \
        static WgSlot wg_slot;                                                                                \
        PyObject *wg_object = (object), *wg_value = NULL;                                                     \
        if (__builtin_expect(Py_TYPE(wg_object) == wg_slot.type && wg_slot.version != 0 &&                    \
                                 wg_slot.type->tp_version_tag == wg_slot.version, 1)) {                       \
            wg_value = *(PyObject **)((char *)wg_object + wg_slot.offset);                                    \
            Py_XINCREF(wg_value);                                                                             \
        }                                                                                                     \
        wg_value != NULL ? wg_value : wg_find_slot(wg_object, (name), &wg_slot);                              \
    })

typedef struct {
    PyObject *dict, *value; /* borrowed: the dictionary holds the value as long as its version stands */
    PyObject *key;          /* held, so that no other key can come to lie at its address */
    uint64_t version;
    unsigned int misses;
} WgName;

#define WG_MISSES 16 /* a dictionary of data, not of a module: it is not worth remembering */

static __attribute__((noinline, unused)) PyObject *wg_find_name(PyObject *dict, PyObject *key, WgName *name) {
    PyObject *value = (CPyDict_GetItem)(dict, key);
    if (value != NULL && name->misses < WG_MISSES && PyDict_CheckExact(dict)) {
        name->misses++;
        Py_INCREF(key);
        Py_XSETREF(name->key, key);
        name->dict = dict;
        name->value = value;
        name->version = ((PyDictObject *)dict)->ma_version_tag;
    } else {
        name->dict = NULL;
    }
    return value;
}

#define CPyDict_GetItem(dict_, key_)                                                                          \
    ({                                                                                                        \
        static WgName wg_name;                                                                                \
        PyObject *wg_dict = (dict_), *wg_key = (key_), *wg_found;                                             \
        if (__builtin_expect(wg_dict == wg_name.dict && wg_key == wg_name.key &&                              \
                                 ((PyDictObject *)wg_dict)->ma_version_tag == wg_name.version, 1)) {          \
            wg_found = wg_name.value;                                                                         \
            Py_INCREF(wg_found);                                                                              \
        } else {                                                                                              \
            wg_found = wg_find_name(wg_dict, wg_key, &wg_name);                                               \
        }                                                                                                     \
        wg_found;                                                                                             \
    })

#endif
#endif
